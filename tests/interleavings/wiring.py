"""auth_service and cloudwatch_service without processes: their own parts, joined as their `app.py` joins them.

In place of gRPC's channels and of the HTTP connections to AWS there are functions of the test. What is told of ended
sign-ins arrives when the test says so; `RevocationWatch`, which receives it, has tests of its own.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, cast
from unittest.mock import patch

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwmcp.auth.v1 import credential_service_pb2 as pb

from auth_service.domain.issuers import build_issuers
from auth_service.domain.policy import Policy
from auth_service.issuance import CredentialIssuer
from auth_service.revocation import Revocations
from auth_service.rpc.credentials import CredentialServicer
from cloudwatch_service.aws import shared_clients
from cloudwatch_service.aws.credentials import AuthServiceCredentials
from cloudwatch_service.aws.insights.scan_control import ScanControl
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.aws.shared_clients import SharedClients
from cloudwatch_service.quotas.leases import LocalLeases
from cloudwatch_service.quotas.query_slots import QuerySlots, SlotLimits
from cloudwatch_service.quotas.user_limits import UserLimits
from cloudwatch_service.rpc.permissions import PERMISSIONS
from servicekit import assertions
from servicekit.aws_http import UnredirectedHttpSession
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_calls import Call, Layer
from servicekit.grpc_errors import to_status
from servicekit.grpc_layers import Deadline, ServiceRules, UserVerification
from servicekit.identity import ASSERTION_METADATA_KEY, Principal, current_principal
from servicekit.refusals import RefusalLog
from servicekit.revocation_gate import RevocationGate
from servicekit.revocations import RevocationList, user_ids
from tests.interleavings.aws import Aws
from tests.interleavings.books import CALL_S, Books
from tests.interleavings.holds import Holds
from tests.interleavings.people import ISSUER, POLICIES, REGIONS, SignIn
from tests.kit.stepped_loop import SteppedLoop

BEGINS_AT_S: Final = 1_800_000_000
ASSERTION_S: Final = 300
PLACES: Final = 2
"""Calls to AWS at a time of a user in an account."""
AT_A_TIME: Final = 3
"""Calls to the product at a time of a user."""
MAX_ENTRIES: Final = 3
_CONNECTIONS: Final = 2
_KEY: Final = Ed25519PrivateKey.generate()
_OWN_NAME: Final = "cloudwatch-service"
_CREDENTIALS: Final = "cwmcp.auth.v1.CredentialService"
_LOGS: Final = "cwmcp.cloudwatch.v1.LogsService"


class Assertions:
    """Really signed, but looked up rather than verified, which would cost more than all else and has its own tests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def vouch(self, sign_in: SignIn) -> bytes:
        """The assertion that auth_service would make for the sign-in now."""
        return _signed(sign_in, int(self._clock()))

    async def verify(self, assertion: bytes, audiences: Collection[str]) -> Principal:
        """See servicekit.grpc_layers.AssertionCheck."""
        principal, ends_at_s = _PRINCIPALS[assertion]
        if self._clock() >= ends_at_s:
            raise ServiceError(Reason.ASSERTION_INVALID, "it has expired")
        return principal


_PRINCIPALS: Final[dict[bytes, tuple[Principal, float]]] = {}


@functools.lru_cache(10_000)
def _signed(sign_in: SignIn, issued_at_s: int) -> bytes:
    ends_at_s = issued_at_s + ASSERTION_S
    assertion = assertions.sign(
        sign_in.principal,
        key=_KEY,
        key_id="key",
        audience=_OWN_NAME,
        issued_at_s=issued_at_s,
        expires_at_s=ends_at_s,
    )
    _PRINCIPALS[assertion] = sign_in.principal, ends_at_s
    return assertion


class _Context:
    """The part of gRPC's ServicerContext that the layers ask."""

    def __init__(self, assertion: bytes) -> None:
        self._metadata = ((ASSERTION_METADATA_KEY, assertion),)

    def time_remaining(self) -> float:
        return CALL_S

    def invocation_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._metadata


def call(service: str, name: str, assertion: bytes) -> Call:
    """A call as the layers around handlers see it."""
    return Call(f"/{service}/{name}", cast("grpc.aio.ServicerContext[Any, Any]", _Context(assertion)))


class Clients:
    """The clients of AWS, which cost too much to be made for each interleaving: they keep nothing of any user."""

    def __init__(self, loop: SteppedLoop) -> None:
        self.loop = loop
        self.aws: Aws | None = None
        """Who answers."""
        clients = self

        class Http(UnredirectedHttpSession):
            async def send(self, request: Any) -> Any:
                assert clients.aws is not None
                return await clients.aws.answer(request)

        with patch.object(shared_clients, "UnredirectedHttpSession", Http):
            self.shared = SharedClients(max_connections=_CONNECTIONS)
        for region in {"us-east-1", *REGIONS} - {""}:
            loop.finish(self.shared.get("logs", region))
        loop.finish(self.shared.regions("aws"))

    def close(self) -> None:
        """Close them."""
        self.loop.finish(self.shared.close())

    @property
    def turns_taken(self) -> int:
        """Turns at connections that somebody has or waits for."""
        return sum(turns.taken + turns.waiting for turns in self.shared._turns.values())


class AuthService:
    """What cloudwatch_service asks, behind the stub that it is given."""

    def __init__(self, loop: SteppedLoop, holds: Holds, aws: Aws, books: Books) -> None:
        self._books = books
        self.policy: Policy = POLICIES[0]
        self._loop = loop
        self._holds = holds
        clock = aws.clock
        issuers = build_issuers([{"issuer": ISSUER, "audiences": ["https://mcp.example.com/mcp"]}])
        self.revocations = Revocations(issuers, None, clock=clock, monotonic=loop.time)
        self.issuer = CredentialIssuer(
            lambda: self.policy, {"assume_role": aws}, clock=clock, jitter=lambda low, high: 0.0
        )
        self.revocations.known.listen(lambda new: self.issuer.drop_users(user_ids(new)))
        self.gate = RevocationGate(self.revocations.known, self.revocations.ensure_known)
        rules = {_CREDENTIALS: ServiceRules(callers=None, for_user=True)}
        self._layers: Sequence[Layer] = [
            Deadline(CALL_S),
            UserVerification(rules, Assertions(clock), lambda _: (_OWN_NAME,), self.gate),
        ]
        self._servicer = CredentialServicer(self.issuer)

    async def IssueCredentials(
        self,
        request: pb.IssueCredentialsRequest,
        *,
        metadata: tuple[tuple[str, bytes], ...],
        timeout: float,  # noqa: ASYNC109 - as the stub has it
    ) -> pb.IssueCredentialsResponse:
        """As over a channel: the handler runs in a context of its own, and both ends may fail."""
        try:
            async with asyncio.timeout(timeout):
                response = await self._loop.spawn(self._serve(request, metadata[0][1]))
                if await self._holds.wait("reply of auth_service") == "down":
                    raise _rpc_error(grpc.StatusCode.UNAVAILABLE)
                return response
        except TimeoutError:
            self._books.was_out_of_reach = True
            raise _rpc_error(grpc.StatusCode.DEADLINE_EXCEEDED) from None

    async def _serve(self, request: pb.IssueCredentialsRequest, assertion: bytes) -> pb.IssueCredentialsResponse:
        around = call(_CREDENTIALS, "IssueCredentials", assertion)
        try:
            async with AsyncExitStack() as stack:
                for layer in self._layers:
                    await stack.enter_async_context(layer.around(around))
                self._books.judge_letting_in(current_principal())
                return await self._servicer.IssueCredentials(request, around.context)
        except ServiceError as error:
            code, message, trailers = to_status(error)
            raise _rpc_error(code, message, trailers) from None


class CloudwatchService:
    """The pool, and the layers around what uses it."""

    def __init__(self, loop: SteppedLoop, clients: Clients, auth: AuthService, clock: Callable[[], float]) -> None:
        self.known = RevocationList()
        self.slots = QuerySlots(SlotLimits(of_account=2, of_user=1))
        self.pool = ClientPool(
            clients.shared,
            AuthServiceCredentials(auth),
            default_region="us-east-1",
            limits=PoolLimits(max_entries=MAX_ENTRIES, max_concurrent_calls_per_user=PLACES),
            scan_control=ScanControl(slots=self.slots, clock=clock),
            check_sign_in=self.known.check,
            clock=clock,
        )
        self.known.listen(lambda new: self.pool.drop_users(user_ids(new)))
        self.gate = RevocationGate(self.known, self._ensure_known)
        self.leases = LocalLeases()
        limits = UserLimits(
            None,
            self.leases,
            per_minute=0,
            at_a_time=AT_A_TIME,
            unlimited=(),
            refusals=RefusalLog(logging.getLogger("tests.interleavings"), clock=loop.time),
        )
        rules = {_LOGS: ServiceRules(callers=None, for_user=True, permissions=PERMISSIONS["LogsService"])}
        self._layers: Sequence[Layer] = [
            Deadline(CALL_S),
            UserVerification(rules, Assertions(clock), lambda _: (_OWN_NAME,), self.gate),
            limits,
        ]

    async def serve(self, name: str, assertion: bytes, handler: Callable[[SessionSource], Awaitable[None]]) -> None:
        """One call of LogsService, from the layers on. Raises what they and the handler raise."""
        around = call(_LOGS, name, assertion)
        async with AsyncExitStack() as stack:
            for layer in self._layers:
                await stack.enter_async_context(layer.around(around))
            await handler(self.pool)

    async def _ensure_known(self) -> None:
        """The test tells of every end sooner or later; here nothing is ever too old."""


def _rpc_error(code: grpc.StatusCode, message: str = "", trailers: Any = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), message)
