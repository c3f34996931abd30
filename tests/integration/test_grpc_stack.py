"""A server and a channel of ours, over real mTLS: errors, peers, users, deadlines, cancellation, stopping."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit.assertions import MAX_ASSERTION_BYTES
from servicekit.deadlines import remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_calls import Call
from servicekit.grpc_client import MAX_RESPONSE_BYTES
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import ServerLimits, serving
from servicekit.identity import ASSERTION_METADATA_KEY, Principal, current_assertion, current_principal
from servicekit.permissions import Permission, expand
from tests.kit.gate import Gate
from tests.kit.grpc_stack import LIMITS, SERVER, Caller, GrpcStack
from tests.kit.handlers import SERVICE, hosted

SECRET = "the password is hunter2"
UNAVAILABLE = ServiceError(Reason.AWS_UNAVAILABLE, "STS is down", details={"operation": "sts:AssumeRole"})


@pytest.fixture
def stack(tmp_path: Path) -> GrpcStack:
    return GrpcStack(tmp_path)


def failing(error: Exception) -> dict[str, Any]:
    """Both kinds of handlers, raising this."""

    async def unary(_request: bytes, _context: Any) -> bytes:
        raise error

    async def stream(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        raise error

    return {"unary": unary, "stream": stream}


async def failure_of(caller: Caller, kind: str, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await (caller.ask if kind == "unary" else caller.read)(b"request", **options)
    return caught.value


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_service_error_arrives_whole(stack: GrpcStack, kind: str) -> None:
    sent = ServiceError(
        Reason.ACCOUNT_NOT_ALLOWED, "no, ümlaut", field="account", details={"accounts": "a, b"}, retry_after_s=2.5
    )
    async with stack.serving(hosted(**failing(sent))) as address, stack.calling(address) as caller:
        got = await failure_of(caller, kind)
    assert (got.reason, got.message, got.field, dict(got.details), got.retry_after_s) == (
        sent.reason,
        sent.message,
        "account",
        {"accounts": "a, b"},
        2.5,
    )


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_anything_else_is_internal_with_an_incident_and_no_text(
    stack: GrpcStack, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = failing(RuntimeError(SECRET))
    async with stack.serving(hosted(**handlers)) as address, stack.calling(address) as caller:
        with pytest.raises(grpc.aio.AioRpcError) as raw:
            await caller.unary(b"") if kind == "unary" else [m async for m in caller.stream(b"")]
        got = await failure_of(caller, kind)
    assert got.reason is Reason.INTERNAL
    assert got.details["incident"] in got.message
    assert got.details["incident"] in caplog.text
    assert SECRET in caplog.text  # for the operator
    assert "hunter2" not in f"{raw.value!r} {raw.value.trailing_metadata()} {got} {got.details}"


async def test_what_a_handler_let_go_of_another_service_is_internal_too(stack: GrpcStack) -> None:
    refused = grpc.aio.AioRpcError(
        grpc.StatusCode.PERMISSION_DENIED, grpc.aio.Metadata(), grpc.aio.Metadata(), details=SECRET
    )
    async with stack.serving(hosted(**failing(refused))) as address, stack.calling(address) as caller:
        got = await failure_of(caller, "unary")
    assert got.reason is Reason.INTERNAL
    assert SECRET not in got.message


@pytest.mark.parametrize("too_large", ["request", "answer"])
async def test_a_message_that_is_too_large_is_not_taken_for_too_many_calls(stack: GrpcStack, too_large: str) -> None:
    async def answer(_request: bytes, _context: Any) -> bytes:
        return bytes(MAX_RESPONSE_BYTES + 1)

    request = bytes(ServerLimits().max_request_bytes + 1) if too_large == "request" else b""
    async with stack.serving(hosted(answer)) as address, stack.calling(address) as caller:
        with pytest.raises(ServiceError, match="larger than a message may be") as caught:
            await caller.ask(request)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


async def test_an_error_with_endless_facts_arrives_every_time(stack: GrpcStack) -> None:
    names = "ü" * 100_000
    handlers = failing(ServiceError(Reason.ACCOUNT_NOT_ALLOWED, names, field="account", details={"accounts": names}))
    async with stack.serving(hosted(**handlers)) as address, stack.calling(address) as caller:
        reasons = [(await failure_of(caller, "unary")).reason for _ in range(20)]
    assert reasons == [Reason.ACCOUNT_NOT_ALLOWED] * 20


async def test_a_service_that_has_answered_is_not_asked_again(stack: GrpcStack) -> None:
    asked = 0

    async def unary(_request: bytes, _context: Any) -> bytes:
        nonlocal asked
        asked += 1
        raise UNAVAILABLE

    async with (
        stack.serving(hosted(unary)) as address,
        stack.calling(address, retried_methods=[(SERVICE, "Unary")]) as caller,
    ):
        assert (await failure_of(caller, "unary")).reason is Reason.AWS_UNAVAILABLE
    assert asked == 1


class Check:
    """Trusts any assertion and notes the audiences."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Collection[str]]] = []

    async def verify(self, assertion: bytes, audiences: Collection[str]) -> Principal:
        self.asked.append((assertion, audiences))
        if assertion == b"bad":
            raise ServiceError(Reason.ASSERTION_INVALID, "bad")
        return Principal("u-" + assertion[:20].decode(), "https://idp", "subject")


async def who(_request: bytes, _context: Any) -> bytes:
    return f"{current_principal().user_id} {len(current_assertion())}".encode()


FOR_USERS = ServiceRules(callers=None, for_user=True)


def peer_names(call: Call) -> Collection[str]:
    return call.peer_names


async def test_the_user_is_the_verified_one(stack: GrpcStack) -> None:
    check = Check()
    service = hosted(who, rules=FOR_USERS)
    async with (
        stack.serving(service, check=check, audiences_of=peer_names) as address,
        stack.calling(address, "cloudwatch-service") as caller,
    ):
        for name in (b"alice", b"bob"):
            answer = await caller.ask(metadata=((ASSERTION_METADATA_KEY, name),))
            assert answer == b"u-%s %d" % (name, len(name))
    assert check.asked == [(b"alice", ("cloudwatch-service",)), (b"bob", ("cloudwatch-service",))]


async def test_the_largest_assertion_arrives_every_time(stack: GrpcStack) -> None:
    """gRPC's own limit refuses metadata between 8 and 16 KiB at random; ours, what is longer than 128 KiB."""
    assertion = b"a" * MAX_ASSERTION_BYTES
    service = hosted(who, rules=FOR_USERS)
    async with stack.serving(service, check=Check()) as address, stack.calling(address) as caller:
        for _ in range(20):
            assert await caller.ask(metadata=((ASSERTION_METADATA_KEY, assertion),)) == b"u-aaaaaaaaaaaaaaaaaaaa 90000"


@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize(
    "metadata",
    [(), ((ASSERTION_METADATA_KEY, b""),), ((ASSERTION_METADATA_KEY, b"bad"),), (("x-assertion-bin", b"alice"),)],
    ids=["none", "empty", "bad", "elsewhere"],
)
async def test_without_a_good_assertion_there_is_no_user(stack: GrpcStack, kind: str, metadata: Any) -> None:
    service = hosted(rules=FOR_USERS)
    async with stack.serving(service, check=Check()) as address, stack.calling(address) as caller:
        assert (await failure_of(caller, kind, metadata=metadata)).reason is Reason.ASSERTION_INVALID


class PermittedCheck:
    """Takes the assertion for the name of what its user is permitted."""

    async def verify(self, assertion: bytes, audiences: Collection[str]) -> Principal:
        return Principal("u-1", "https://idp", "subject", permissions=expand([assertion.decode()]))


@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize(
    ("permitted", "reason"),
    [
        (b"logs", None),
        (b"logs.query", None),
        (b"all", None),
        (b"logs.groups", Reason.PERMISSION_MISSING),
        (b"metrics", Reason.PERMISSION_MISSING),
        (b"nothing", None),  # auth_service knows why, and refuses when the account is opened
    ],
)
async def test_an_rpc_is_for_those_who_are_permitted(
    stack: GrpcStack, kind: str, permitted: bytes, reason: Reason | None
) -> None:
    needed = dict.fromkeys(("Unary", "Stream"), Permission.LOGS_QUERY)
    service = hosted(rules=ServiceRules(callers=None, for_user=True, permissions=needed))
    async with stack.serving(service, check=PermittedCheck()) as address, stack.calling(address) as caller:
        metadata = ((ASSERTION_METADATA_KEY, permitted),)
        if reason is None:
            await (caller.ask if kind == "unary" else caller.read)(b"x", metadata=metadata)
        else:
            error = await failure_of(caller, kind, metadata=metadata)
            assert (error.reason, error.details["permission"]) == (reason, "logs.query")


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_an_rpc_that_nobody_thought_of_is_for_nobody(stack: GrpcStack, kind: str) -> None:
    service = hosted(rules=ServiceRules(callers=None, for_user=True, permissions={"Other": None}))
    async with stack.serving(service, check=PermittedCheck()) as address, stack.calling(address) as caller:
        error = await failure_of(caller, kind, metadata=((ASSERTION_METADATA_KEY, b"all"),))
        assert error.reason is Reason.INTERNAL


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_the_servers_own_deadline(stack: GrpcStack, kind: str) -> None:
    never = Gate()

    async def unary(_request: bytes, _context: Any) -> bytes:
        await never.passage()
        return b""

    async def stream(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        await never.passage()

    limits = ServerLimits(max_call_s=0.1)
    async with stack.serving(hosted(unary, stream), limits=limits) as address, stack.calling(address) as caller:
        got = await failure_of(caller, kind, timeout=None)
    assert got.reason is Reason.DEADLINE_EXCEEDED
    assert "0.1 s" in got.message


async def test_a_handlers_own_timeout_is_not_taken_for_the_deadline(stack: GrpcStack) -> None:
    async with stack.serving(hosted(**failing(TimeoutError("a query")))) as address, stack.calling(address) as caller:
        assert (await failure_of(caller, "unary")).reason is Reason.INTERNAL


@pytest.mark.parametrize(("timeout_s", "expected_s"), [(5.0, 5.0), (None, 30.0), (60.0, 30.0)])
async def test_a_sub_call_gets_less_than_the_call_has(
    stack: GrpcStack, timeout_s: float | None, expected_s: float
) -> None:
    async def unary(_request: bytes, _context: Any) -> bytes:
        return str(remaining_s(1_000.0)).encode()

    limits = ServerLimits(max_call_s=30.0)
    async with stack.serving(hosted(unary), limits=limits) as address, stack.calling(address) as caller:
        left_s = float(await caller.ask(timeout=timeout_s))
    assert expected_s - 2.0 < left_s < expected_s - 0.02


@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_the_end_of_the_callers_interest_reaches_the_handler(stack: GrpcStack, kind: str, how: str) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    async def unary(_request: bytes, _context: Any) -> bytes:
        await wait()
        return b""

    async def stream(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        await wait()
        yield b""

    async with stack.serving(hosted(unary, stream)) as address, stack.calling(address) as caller:
        timeout_s = 0.3 if how == "deadline" else 30.0
        call = asyncio.create_task((caller.ask if kind == "unary" else caller.read)(b"", timeout=timeout_s))
        await entered.wait()
        if how == "cancel":
            call.cancel()
        with pytest.raises((asyncio.CancelledError, ServiceError)):
            await call
        await left.wait()


async def test_a_running_call_may_end_and_health_says_that_no_new_one_may_begin(stack: GrpcStack) -> None:
    gate = Gate()

    async def unary(_request: bytes, _context: Any) -> bytes:
        await gate.passage()
        return b"done"

    serving = stack.serving(hosted(unary))
    address = await serving.__aenter__()
    async with stack.calling(address) as caller:
        watch: Any = health_pb2_grpc.HealthStub(caller.channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        running = asyncio.create_task(caller.ask())
        await gate.arrivals()
        stopping = asyncio.create_task(serving.__aexit__(None, None, None))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        assert not stopping.done()
        gate.release()
        assert await running == b"done"
        await stopping
        assert (await failure_of(caller, "unary", timeout=2)).reason in (
            Reason.UNAVAILABLE,
            Reason.DEADLINE_EXCEEDED,
        )


async def test_more_calls_than_the_limit_are_refused(stack: GrpcStack) -> None:
    gate = Gate()

    async def unary(_request: bytes, _context: Any) -> bytes:
        await gate.passage()
        return b"done"

    limits = ServerLimits(max_concurrent_calls=2)
    async with stack.serving(hosted(unary), limits=limits) as address, stack.calling(address) as caller:
        running = [asyncio.create_task(caller.ask()) for _ in range(2)]
        await gate.arrivals(2)
        assert (await failure_of(caller, "unary")).reason is Reason.TOO_MANY_CALLS
        gate.release()
        assert await asyncio.gather(*running) == [b"done", b"done"]


async def test_many_who_connect_at_once_all_get_through(stack: GrpcStack) -> None:
    """Sixty TLS handshakes keep a processor busy for longer than any single one takes."""
    tls = stack.tls("caller")

    async def ask(address: str) -> bytes:
        async with stack.calling(address, tls=tls) as caller:
            return await caller.ask(b"x")

    async with stack.serving(hosted()) as address:
        assert await asyncio.gather(*(ask(address) for _ in range(60))) == [b"x"] * 60


async def test_a_server_that_comes_back_is_found_within_seconds(stack: GrpcStack) -> None:
    async with stack.serving(hosted()) as address:
        pass
    async with stack.calling(address) as caller:
        with pytest.raises(ServiceError):
            await caller.ask(timeout=1)
        async with serving(address, stack.tls(SERVER), [hosted()], LIMITS):
            assert await caller.ask(b"x", timeout=5, wait_for_ready=True) == b"x"
