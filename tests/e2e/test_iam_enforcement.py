"""Everything that IAM can refuse, by an AWS that enforces it, through the three real services: what each side is told.

A person reads what to ask for and of whom; an administrator finds what to mend in auth_service's log.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.conftest import Person
from tests.kit.issuer import Issuer
from tests.kit.ministack import MiniStack, ministack
from tests.kit.process import Child
from tests.kit.services import Deployment

# The first test on a machine installs the emulator.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SERVICE, ACCOUNT, FOREIGN = "999988887777", "111111111111", "333333333333"
EXTERNAL_ID: Final = "test-deployment"
SERVICE_USER: Final = f"arn:aws:iam::{SERVICE}:user/auth"
TAGGED: Final = {"StringLike": {"aws:RequestTag/mcp_sub": "?*"}}
WITH_ID: Final = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
READ: Final = ("cloudwatch:*", "logs:*")


def _trust(action: str, condition: dict[str, Any] | None = None, principal: str = SERVICE_USER) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action}
    return statement | ({"Condition": condition} if condition else {})


TAGGING: Final = _trust("sts:TagSession", TAGGED)


@dataclass(frozen=True)
class Role:
    """A role as somebody may have set it up, and how the policy file has its account."""

    trust: tuple[dict[str, Any], ...] | None = (_trust("sts:AssumeRole", WITH_ID | TAGGED), TAGGING)
    """None: there is no such role."""
    allows: tuple[str, ...] = READ
    account_id: str = ACCOUNT
    in_policy_file: tuple[tuple[str, Any], ...] = ()
    service_may: bool = True

    def arn(self, alias: str) -> str:
        return f"arn:aws:iam::{self.account_id}:role/{alias}"


OWN_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*"}],
}
ROLES: Final = {
    "good": Role(),
    "other-external-id": Role((_trust("sts:AssumeRole", {"StringEquals": {"sts:ExternalId": "another"}}), TAGGING)),
    "wants-a-team": Role((_trust("sts:AssumeRole", {"StringLike": {"aws:RequestTag/team": "?*"}}), TAGGING)),
    "takes-no-tags": Role((_trust("sts:AssumeRole", WITH_ID),)),
    "trusts-others": Role((_trust("sts:AssumeRole", principal="arn:aws:iam::999988887777:user/other"), TAGGING)),
    "foreign": Role((_trust("sts:AssumeRole", principal=f"arn:aws:iam::{FOREIGN}:root"),), account_id=FOREIGN),
    "not-ours-to-assume": Role(service_may=False),
    "missing": Role(trust=None),
    "alarms-only": Role(allows=("cloudwatch:DescribeAlarms",)),
    "own-session-policy": Role(in_policy_file=(("session_policy", OWN_POLICY),)),
    "no-queries": Role(in_policy_file=(("session_policy", "no-log-queries"),)),
    "europe": Role(in_policy_file=(("regions", ["eu-west-1"]),)),
}


class Aws:
    """What a deployment needs to know of the emulator."""

    def __init__(self, endpoint_url: str, key: dict[str, Any]) -> None:
        self.endpoint_url = endpoint_url
        self.service_credentials = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }


async def _seed(emulator: MiniStack) -> Aws:
    """The service's identity, which may assume the roles, and each role as it is set up."""
    async with emulator.client("iam", SERVICE) as iam:
        await iam.create_user(UserName="auth")
        actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        arns = [role.arn(alias) for alias, role in ROLES.items() if role.service_may]
        own = [{"Effect": "Allow", "Action": actions, "Resource": arns}]
        await iam.put_user_policy(UserName="auth", PolicyName="become", PolicyDocument=_document(own))
        key = (await iam.create_access_key(UserName="auth"))["AccessKey"]
    for alias, role in ROLES.items():
        if role.trust is not None:
            async with emulator.client("iam", role.account_id) as iam:
                await iam.create_role(RoleName=alias, AssumeRolePolicyDocument=_document(role.trust))
                allowed = [{"Effect": "Allow", "Action": list(role.allows), "Resource": "*"}]
                await iam.put_role_policy(RoleName=alias, PolicyName="read", PolicyDocument=_document(allowed))
    return Aws(emulator.endpoint_url, key)


def _document(statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _policy() -> dict[str, Any]:
    accounts = {
        alias: {"account_id": role.account_id, "role_arn": role.arn(alias), "external_id": EXTERNAL_ID}
        | dict(role.in_policy_file)
        for alias, role in ROLES.items()
    }
    return {"accounts": accounts, "grants": [{"groups": ["g"], "accounts": ["*"]}]}


@dataclass
class Installation:
    """The running product."""

    person: Person
    processes: dict[str, Child]

    @property
    def administrators_log(self) -> list[str]:
        """What auth_service logged, in messages."""
        lines = self.processes["auth_service"].log().splitlines()
        return [json.loads(line)["message"] for line in lines if line.startswith("{")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    directory: Path = tmp_path_factory.mktemp("iam")
    async with ministack(directory) as emulator, Issuer() as issuer:
        aws: Any = await _seed(emulator)
        deployment = Deployment(directory, aws, issuer, _policy())
        async with deployment.running() as processes, httpx2.AsyncClient(timeout=60, trust_env=False) as http:
            token = issuer.mint({"sub": "alice", "groups": ["g"], "aud": deployment.mcp_url})
            yield Installation(Person(http, deployment.mcp_url, token), processes)


async def test_a_role_that_is_set_up_well_opens_the_account(installation: Installation) -> None:
    for tool in ("get_active_alarms", "list_dashboards", "describe_log_groups"):
        assert await installation.person.answer(tool, profile_name="good")


REFUSED: Final = {
    "other-external-id": ("sts:AssumeRole", "asks for the external_id of the policy file"),
    "wants-a-team": ("sts:AssumeRole", "no more than the tag mcp_sub"),
    "takes-no-tags": ("sts:TagSession", "allow sts:TagSession with the tag mcp_sub"),
    "trusts-others": ("sts:AssumeRole", "its trust policy lets this service's identity sts:AssumeRole"),
    "foreign": ("sts:AssumeRole", "its trust policy lets this service's identity sts:AssumeRole"),
    "not-ours-to-assume": ("sts:AssumeRole", "the service's own policy allows sts:AssumeRole, sts:TagSession"),
    "missing": ("sts:AssumeRole", "see that the role exists"),
}


@pytest.mark.parametrize("alias", REFUSED)
async def test_a_role_that_aws_refuses_is_told_to_both_sides(installation: Installation, alias: str) -> None:
    action, fix = REFUSED[alias]
    text = await installation.person.failure("get_active_alarms", profile_name=alias)
    assert "AWS refuses this user the role of the account" in text
    assert "the administrator of this server can fix it" in text
    assert f"AWS operation {action}" in text and "AWS request id" in text
    assert EXTERNAL_ID not in text and SERVICE not in text
    (told,) = (line for line in installation.administrators_log if f"of the account {alias} " in line)
    assert told.startswith(f"AWS refuses the role {ROLES[alias].arn(alias)}")
    assert fix in told
    assert EXTERNAL_ID not in told


DENIED: Final = [
    ("alarms-only", "list_dashboards", "cloudwatch:ListDashboards"),
    ("alarms-only", "describe_log_groups", "logs:DescribeLogGroups"),
    ("own-session-policy", "list_dashboards", "cloudwatch:ListDashboards"),
]


@pytest.mark.parametrize(("alias", "tool", "action"), DENIED)
async def test_an_action_that_aws_denies_is_named(
    installation: Installation, alias: str, tool: str, action: str
) -> None:
    assert await installation.person.answer("get_active_alarms", profile_name=alias)
    text = await installation.person.failure(tool, profile_name=alias)
    assert f"AWS denied {action} to this user's role" in text
    assert "ask the AWS administrator for this permission" in text


async def test_a_narrow_session_policy_of_ours_is_a_permission_that_is_missing(installation: Installation) -> None:
    assert await installation.person.answer("describe_log_groups", profile_name="no-queries")
    text = await installation.person.failure(
        "execute_log_insights_query",
        profile_name="no-queries",
        log_group_names=["/any"],
        query_string="fields @message",
        start_time="2026-11-23T00:00:00Z",
        end_time="2026-11-23T12:00:00Z",
    )
    assert "the permission logs.query is missing for the account no-queries" in text


async def test_a_region_that_the_account_is_not_for_is_refused_with_those_that_it_is(
    installation: Installation,
) -> None:
    assert await installation.person.answer("get_active_alarms", profile_name="europe")
    text = await installation.person.failure("get_active_alarms", profile_name="europe", region="us-east-1")
    assert "Set region to one of: eu-west-1" in text
