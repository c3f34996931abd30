"""The layers that every server of ours has: errors, peers, the user, the deadline. Their order is in grpc_server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
from opentelemetry import trace

from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_calls import Call
from servicekit.grpc_errors import to_status
from servicekit.identity import ASSERTION_METADATA_KEY, Principal, acting_for
from servicekit.logs import log_incident
from servicekit.permissions import Permission, require
from servicekit.telemetry import attributes
from servicekit.telemetry.principal import stamp

_log = logging.getLogger(__name__)


class ErrorMapping:
    """Sends a ServiceError as status and details; anything else as INTERNAL with an incident id and no text."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Abort the call with what was raised inside; gRPC's own abort and cancellation pass."""
        try:
            yield
        except ServiceError as error:
            await self._abort(call, error)
        except grpc.aio.AbortError:  # a handler, or gRPC, has answered already
            raise
        except Exception as error:
            await self._abort(call, log_incident(_log, call.method), error)

    async def _abort(self, call: Call, error: ServiceError, cause: Exception | None = None) -> None:
        trace.get_current_span().set_attribute(attributes.REASON, error.reason.value)
        code, message, trailers = to_status(error)
        try:
            await call.context.abort(code, message, trailers)
        except grpc.aio.InternalError as unsent:  # the caller has gone; gRPC cancels this task a moment later
            raise asyncio.CancelledError from unsent
        except grpc.aio.AbortError as aborted:
            raise aborted from (cause or error)


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """Who may call one gRPC service, and whether its calls are made for a verified user."""

    callers: frozenset[str] | None
    """Certificate names that may call; None admits every certificate of our CA; empty admits nobody."""
    for_user: bool = False
    permissions: Mapping[str, Permission | None] | None = None
    """What a user needs for each RPC by its name: a permission, or None for being signed in. What is not named admits
    nobody. None in place of the table: the service judges its users itself."""

    def __post_init__(self) -> None:
        if self.permissions is not None and not self.for_user:
            raise ValueError("permissions are of users, and the service verifies none")


class PeerAllowList:
    """Admits a call by the name in the caller's certificate, per gRPC service. What has no rule admits nobody."""

    def __init__(self, rules: Mapping[str, ServiceRules]) -> None:
        self._rules = rules

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises PEER_NOT_ALLOWED."""
        rules = self._rules.get(call.service)
        if rules is None or (rules.callers is not None and rules.callers.isdisjoint(call.peer_names)):
            _log.warning("refused %s to peer %s", call.method, ", ".join(call.peer_names) or "without a name")
            raise ServiceError(Reason.PEER_NOT_ALLOWED, f"this certificate may not call {call.service}")
        yield


class AssertionCheck(Protocol):
    """Verifies identity assertions."""

    async def verify(self, assertion: bytes, audiences: Collection[str]) -> Principal:
        """The user that a valid assertion for one of `audiences` vouches for. Raises ServiceError."""
        ...


class SignInGate(Protocol):
    """Keeps out users whose sign-in was ended."""

    def passing(self, principal: Principal) -> AbstractAsyncContextManager[None]:
        """Around a call. Raises ServiceError (TOKEN_REVOKED, UNAVAILABLE) when it is entered, and while it is open."""
        ...


class UserVerification:
    """Puts the verified user into the context of calls to services whose rules say `for_user`, if permitted."""

    def __init__(
        self,
        rules: Mapping[str, ServiceRules],
        check: AssertionCheck,
        audiences_of: Callable[[Call], Collection[str]],
        gate: SignInGate,
    ) -> None:
        self._rules: Final = {name: rule for name, rule in rules.items() if rule.for_user}
        self._check = check
        self._audiences_of = audiences_of
        self._gate = gate

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises ASSERTION_INVALID, PERMISSION_MISSING, and what the gate does."""
        rules = self._rules.get(call.service)
        if rules is None:
            yield
            return
        assertion = call.metadata.get(ASSERTION_METADATA_KEY)
        if not isinstance(assertion, bytes) or not assertion:
            raise ServiceError(Reason.ASSERTION_INVALID, f"the call carries no {ASSERTION_METADATA_KEY}")
        principal = await self._check.verify(assertion, self._audiences_of(call))
        stamp(trace.get_current_span(), principal)
        needed = None if rules.permissions is None else _needed(rules.permissions, call)
        async with self._gate.passing(principal):
            require(needed, principal.permissions, principal.scopes)
            with acting_for(principal, assertion, needed):
                yield


def _needed(permissions: Mapping[str, Permission | None], call: Call) -> Permission | None:
    """Raises LookupError for an RPC that nobody thought of, which is a defect."""
    name = call.method.rpartition("/")[2]
    if name not in permissions:
        raise LookupError(f"no rule says who may call {call.method}")
    return permissions[name]


class Deadline:
    """Bounds every call: by the caller's deadline, and by the server's own maximum where the caller sets none."""

    def __init__(self, max_call_s: float) -> None:
        self._max_call_s = max_call_s

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises DEADLINE_EXCEEDED when the server's own bound is reached."""
        asked_s = call.context.time_remaining()
        bound_s = self._max_call_s if asked_s is None else min(asked_s, self._max_call_s)
        try:
            with deadline_in(bound_s):
                async with asyncio.timeout(bound_s) as bound:
                    yield
        except TimeoutError as error:
            if not bound.expired():  # the handler's own, which it should not have let go
                raise
            raise ServiceError(Reason.DEADLINE_EXCEEDED, f"the call took longer than {bound_s:.1f} s") from error
