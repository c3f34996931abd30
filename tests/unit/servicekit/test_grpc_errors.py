"""ServiceError to gRPC's status and trailers, and back."""

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from servicekit.errors import Reason, ServiceError, invalid
from servicekit.grpc_errors import STATUS_OF, from_rpc_error, raising_service_errors, to_status

DETAILS = "grpc-status-details-bin"


def rpc_error(code: grpc.StatusCode, *trailers: tuple[str, str | bytes], text: str = "text") -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(*trailers), details=text)


def over_the_wire(error: ServiceError) -> ServiceError:
    code, message, trailers = to_status(error)
    return from_rpc_error(rpc_error(code, *trailers, text=message))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_survives_with_all_it_carries(reason: Reason) -> None:
    sent = ServiceError(reason, "päin vänd \n", field="a.b[0]", details={"operation": "x"}, retry_after_s=1.25)
    got = over_the_wire(sent)
    assert (got.reason, got.message, got.field, dict(got.details), got.retry_after_s) == (
        reason,
        "päin vänd \n",
        "a.b[0]",
        {"operation": "x"},
        1.25,
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_status_that_is_an_error(reason: Reason) -> None:
    assert STATUS_OF[reason] not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)


def test_what_is_absent_stays_absent() -> None:
    got = over_the_wire(ServiceError(Reason.INTERNAL, ""))
    assert (got.message, got.field, dict(got.details), got.retry_after_s) == ("", None, {}, None)


@pytest.mark.parametrize(
    ("family", "status"),
    [("TOKEN_", grpc.StatusCode.UNAUTHENTICATED), ("ISSUER_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE)],
)
def test_bad_tokens_are_unauthenticated_and_a_missing_issuer_is_not(family: str, status: grpc.StatusCode) -> None:
    found = {STATUS_OF[reason] for reason in Reason if reason.startswith(family)}
    assert found == {status}


def test_an_answer_asks_the_channel_not_to_retry() -> None:
    _, _, trailers = to_status(ServiceError(Reason.AWS_UNAVAILABLE, "down"))
    assert ("grpc-retry-pushback-ms", "-1") in trailers


def test_texts_are_cut_so_that_the_trailers_can_arrive() -> None:
    long = "ü" * 100_000
    code, message, trailers = to_status(invalid(long, long))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(message) == 4_001
    assert sum(len(value) for _, value in trailers) < 40_000
    assert over_the_wire(ServiceError(Reason.INTERNAL, "m", details={"a": long})).details["a"] == "ü" * 4_000 + "…"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Reason.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.TOO_MANY_CALLS),
        (grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_ARGUMENT),
        (grpc.StatusCode.UNKNOWN, Reason.INTERNAL),
        (grpc.StatusCode.UNIMPLEMENTED, Reason.INTERNAL),
        (grpc.StatusCode.PERMISSION_DENIED, Reason.INTERNAL),
    ],
)
def test_a_bare_status_has_the_nearest_reason_and_none_of_its_text(code: grpc.StatusCode, reason: Reason) -> None:
    got = from_rpc_error(rpc_error(code, text="ipv4:10.0.0.7:50051: connection refused"))
    assert got.reason is reason
    assert "10.0.0.7" not in got.message


def foreign(domain: str, reason: str) -> bytes:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
    return status_pb2.Status(code=7, message="foreign", details=[packed]).SerializeToString()


@pytest.mark.parametrize(
    "trailer",
    [
        foreign("example.com", "ROLE_REFUSED"),
        foreign("cwmcp", "NO_SUCH_REASON"),
        b"\xff\xff not a protobuf",
        b"",
    ],
    ids=["another domain", "unknown reason", "garbage", "empty"],
)
def test_details_that_are_not_ours_count_as_none(trailer: bytes) -> None:
    got = from_rpc_error(rpc_error(grpc.StatusCode.UNAVAILABLE, (DETAILS, trailer)))
    assert (got.reason, got.message) == (Reason.UNAVAILABLE, "the service cannot be reached")


def test_raising_service_errors_translates_what_is_raised_inside() -> None:
    cause = rpc_error(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(ServiceError) as caught, raising_service_errors():
        raise cause
    assert caught.value.reason is Reason.UNAVAILABLE
    assert caught.value.__cause__ is cause


def test_raising_service_errors_lets_everything_else_pass() -> None:
    with pytest.raises(KeyError), raising_service_errors():
        raise KeyError("other")
