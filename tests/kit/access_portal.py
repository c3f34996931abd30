"""The development stack's access portal for tests: on a random port, with faults on demand, and keys of a fake AWS.

async with FakePortal(aws.keys) as portal:
    portal.script("CreateToken", PortalError("TooManyRequestsException", 429))
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from auth_service.adapters.access_portal import AccessPortals, open_access_portals
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

    def client(self, clock: Callable[[], float] = time.time) -> AbstractAsyncContextManager[AccessPortals]:
        """One replica's adapter, at this portal."""
        return open_access_portals(REGION, endpoint_url=self.server.url, clock=clock)


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
    with bound:
        async with serving(server.app, bound):
            yield fake
