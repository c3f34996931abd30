"""The development stack's access portal for tests: on a random port, with faults on demand, and keys of a fake AWS.

async with FakePortal(aws.keys) as portal:
    portal.script("CreateToken", PortalError("TooManyRequestsException", 429))
"""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore import UNSIGNED

from auth_service.adapters.access_portal import AccessPortals
from auth_service.domain.connections import Portal
from deploy.local.access_portal.server import AccessPortalServer, RoleKeys
from deploy.local.access_portal.sessions import Assignment, PortalError
from deploy.local.identity_provider import serving
from deploy.local.loopback import HOST, listening_socket
from tests.kit.fake_aws.keys import KeyRing

REGION: Final = "us-east-1"
_ROLE_LIFETIME_S: Final = 3_600.0
Step = PortalError | Callable[[], Awaitable[None]]


class FakePortal:
    """`server.state` is what it knows; `calls` counts operations, refused ones included."""

    def __init__(self, server: AccessPortalServer, port: int) -> None:
        self.server = server
        self.portal = Portal(server.state.start_url, REGION)
        self.port = port
        self.calls: Counter[str] = Counter()
        self.issued: list[tuple[str, Assignment, str]] = []
        """Person, role and access key id of each credentials issued."""
        self._scripts: defaultdict[str, deque[Step]] = defaultdict(deque)

    def script(self, operation: str, *steps: Step) -> None:
        """What the next calls of an operation meet: an error in their place, or something to wait for first."""
        self._scripts[operation].extend(steps)

    async def before(self, operation: str) -> None:
        """Play the script."""
        self.calls[operation] += 1
        script = self._scripts[operation]
        step = script.popleft() if script else None
        if isinstance(step, PortalError):
            raise step
        if step is not None:
            await step()

    @asynccontextmanager
    async def client(self, clock: Callable[[], float] = time.time) -> AsyncIterator[AccessPortals]:
        """One replica's adapter, at this portal."""
        config = AioConfig(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        session, address = aioboto3.Session(), self.server.url
        async with (
            session.client("sso-oidc", region_name=REGION, config=config, endpoint_url=address) as oidc,
            session.client("sso", region_name=REGION, config=config, endpoint_url=address) as sso,
        ):
            yield AccessPortals(oidc, sso, clock)


@asynccontextmanager
async def fake_portal(
    assignments: Mapping[str, Sequence[Assignment]],
    keys: KeyRing | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[FakePortal]:
    """A portal while open. `keys` is where a fake AWS knows its keys from."""
    ring = keys or KeyRing(clock)
    bound = listening_socket()

    async def issue(person: str, has: Assignment) -> RoleKeys:
        arn = f"arn:aws:sts::{has.account_id}:assumed-role/AWSReservedSSO_{has.role_name}_0123456789abcdef/{person}"
        key = ring.mint(has.account_id, arn, f"AROA:{person}", clock() + _ROLE_LIFETIME_S)
        fake.issued.append((person, has, key.access_key_id))
        return RoleKeys(key.access_key_id, key.secret_access_key, key.session_token or "", key.expires_at_s or 0.0)

    port = bound.getsockname()[1]
    server = AccessPortalServer(
        f"http://{HOST}:{port}", assignments, issue, clock=clock, before=lambda name: fake.before(name)
    )
    fake = FakePortal(server, port)
    serving_until, running = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(server.app, bound):
            running.set()
            await serving_until.wait()

    task = asyncio.create_task(serve())
    try:
        await running.wait()
        yield fake
    finally:
        serving_until.set()
        await task
        bound.close()
