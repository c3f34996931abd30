"""ServiceError across gRPC: canonical status with google.rpc.ErrorInfo, BadRequest and RetryInfo, and back.

The trailer `grpc-status-details-bin` holds a serialized google.rpc.Status, as grpc-status defines it. Nothing that is
not a ServiceError keeps its text on the wire: unknown failures become INTERNAL with an incident id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError

from servicekit.errors import Reason, ServiceError

DOMAIN: Final = "cwmcp"
_DETAILS_KEY: Final = "grpc-status-details-bin"
# gRFC A6: a channel's own retries are for services that cannot be reached. One that has answered, even UNAVAILABLE, has
# tried what it could; asking it again at once would multiply the load on what is down behind it.
_DO_NOT_RETRY: Final = ("grpc-retry-pushback-ms", "-1")
_NANOS_PER_S: Final = 1_000_000_000
_MAX_TEXT_CHARACTERS: Final = 4_000

STATUS_OF: Final[dict[Reason, grpc.StatusCode]] = {
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
    Reason.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.PEER_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.TOO_MANY_CALLS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.USER_RATE_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.USER_CALLS_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.TOKEN_MALFORMED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_ISSUER_UNKNOWN: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_AUDIENCE_WRONG: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_EXPIRED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_SIGNATURE_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_CLAIMS_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_INACTIVE: grpc.StatusCode.UNAUTHENTICATED,
    Reason.SCOPE_INSUFFICIENT: grpc.StatusCode.PERMISSION_DENIED,
    Reason.EMAIL_MISMATCH: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.ISSUER_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.ASSERTION_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    Reason.ACCESS_NONE: grpc.StatusCode.PERMISSION_DENIED,
    Reason.ACCOUNT_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.GROUPS_OMITTED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.REGION_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.SCAN_LIMIT_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.PERMISSION_MISSING: grpc.StatusCode.PERMISSION_DENIED,
    Reason.QUERY_SLOTS_TAKEN: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.ROLE_REFUSED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.ACCOUNT_MISCONFIGURED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.AWS_ACCESS_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.AWS_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.AWS_INVALID_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.AWS_THROTTLED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.AWS_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.WEB_IDENTITY_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.EXCHANGE_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CLAIMED_KEYS_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.AWS_NOT_CONNECTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.AWS_CONNECTION_ENDED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CONNECT_LINK_REFUSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.BROWSER_SESSION_ENDED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.BROWSER_SIGN_IN_REFUSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CONNECTING_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
}

_TOO_LARGE: Final = "larger than max"  # gRPC's words, on both sides; its status is that of too many calls
# What a status means when no ErrorInfo of ours came with it: gRPC itself answered, not a service.
_REASON_OF_BARE_STATUS: Final[dict[grpc.StatusCode, tuple[Reason, str]]] = {
    grpc.StatusCode.UNAVAILABLE: (Reason.UNAVAILABLE, "the service cannot be reached"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (Reason.DEADLINE_EXCEEDED, "the time for the call ran out"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Reason.TOO_MANY_CALLS, "the service is at its limit"),
    grpc.StatusCode.INVALID_ARGUMENT: (Reason.INVALID_ARGUMENT, "the service refused the request"),
}


def to_status(error: ServiceError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """The status code, message and trailing metadata that carry `error`."""
    code = STATUS_OF[error.reason]
    number: int = code.value[0]
    message = _bounded(error.message)
    status = status_pb2.Status(code=number, message=message)
    facts = {name: _bounded(fact) for name, fact in error.details.items()}
    details = [error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=facts)]
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(field=_bounded(error.field), description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after_s * _NANOS_PER_S))
        details.append(retry)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = ((_DETAILS_KEY, status.SerializeToString()), _DO_NOT_RETRY)
    return code, message, trailers


def _bounded(text: str) -> str:
    """The text, cut where it would make the trailers too long to arrive."""
    return text if len(text) <= _MAX_TEXT_CHARACTERS else f"{text[:_MAX_TEXT_CHARACTERS]}…"


def from_rpc_error(error: AioRpcError) -> ServiceError:
    """The ServiceError that the peer sent, or the nearest one when gRPC itself failed."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            found = _unpack(value)
            if found is not None:
                return found
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in (error.details() or ""):
        return ServiceError(
            Reason.INVALID_ARGUMENT, "the request or its answer is larger than a message may be; ask for less"
        )
    reason, message = _REASON_OF_BARE_STATUS.get(error.code(), (Reason.INTERNAL, "the service failed unexpectedly"))
    return ServiceError(reason, message)


def _unpack(serialized: bytes) -> ServiceError | None:
    """The error inside a google.rpc.Status, or None when it is not one of ours."""
    try:
        status = status_pb2.Status.FromString(serialized)
    except DecodeError:
        return None
    reason: Reason | None = None
    field: str | None = None
    retry_after_s: float | None = None
    facts: dict[str, str] = {}
    for packed in status.details:
        info, request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if packed.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
            reason, facts = Reason(info.reason), dict(info.metadata)
        elif packed.Unpack(request) and request.field_violations:
            field = request.field_violations[0].field
        elif packed.Unpack(retry):
            retry_after_s = retry.retry_delay.ToNanoseconds() / _NANOS_PER_S
    if reason is None:
        return None
    return ServiceError(reason, status.message, field=field, details=facts, retry_after_s=retry_after_s)


@contextmanager
def raising_service_errors() -> Iterator[None]:
    """Turn an AioRpcError raised inside into the ServiceError that it carries."""
    try:
        yield
    except AioRpcError as error:
        raise from_rpc_error(error) from error
