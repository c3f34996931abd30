"""The development stack's access portal: which permission sets it assigns to whom, with keys of the embedded AWS.

carol, whom no group gives an account, connects here. Her permission set is a role in IAM as Identity Center makes them,
which only the account itself may assume; the portal asks for it as the account's root, as the seed does.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aioboto3

from deploy.local.access_portal.server import AccessPortalServer, RoleKeys
from deploy.local.access_portal.sessions import Assignment
from deploy.local.account_roots import root_client
from deploy.local.accounts import DEFAULT_REGION, WEBSHOP
from deploy.local.identity_provider import serving
from deploy.local.loopback import HOST, listening_socket

ASSIGNMENTS: Final[Mapping[str, Sequence[Assignment]]] = {
    "carol": (Assignment(WEBSHOP.account_id, "Webshop", "ReadOnlyAccess"),),
}
_SESSION_S: Final = 3_600


def role_name(permission_set: str) -> str:
    """The role of a permission set, named as AWS names them."""
    return f"AWSReservedSSO_{permission_set}_5d41c7a29b27e0f4"


@asynccontextmanager
async def access_portal(aws_endpoint_url: str) -> AsyncIterator[AccessPortalServer]:
    """The portal while open, on a free port of the loopback interface."""
    session = aioboto3.Session()

    async def issue(person: str, assignment: Assignment) -> RoleKeys:
        arn = f"arn:aws:iam::{assignment.account_id}:role/{role_name(assignment.role_name)}"
        async with root_client(session, "sts", aws_endpoint_url, assignment.account_id, DEFAULT_REGION) as sts:
            answer = await sts.assume_role(RoleArn=arn, RoleSessionName=person, DurationSeconds=_SESSION_S)
        issued = answer["Credentials"]
        expires_at_s = issued["Expiration"].timestamp()
        return RoleKeys(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], expires_at_s)

    bound = listening_socket()
    with bound:
        server = AccessPortalServer(f"http://{HOST}:{bound.getsockname()[1]}", ASSIGNMENTS, issue)
        async with serving(server.app, bound):
            yield server
