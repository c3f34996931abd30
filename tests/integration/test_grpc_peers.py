"""Who gets through to a handler over real TLS, and who does not."""

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from servicekit.errors import Reason, ServiceError
from servicekit.grpc_layers import ServiceRules
from servicekit.tls import TlsFiles
from tests.kit.grpc_stack import SERVER, GrpcStack
from tests.kit.handlers import UNARY, hosted

ONLY_FRONTEND = ServiceRules(frozenset({"mcp-frontend", "agent"}))


@pytest.fixture
def stack(tmp_path: Path) -> GrpcStack:
    return GrpcStack(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> GrpcStack:
    """Another authority, with certificates of the right names."""
    (tmp_path / "elsewhere").mkdir()
    return GrpcStack(tmp_path / "elsewhere")


async def refusal(call: Any) -> Reason:
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.reason


@pytest.mark.parametrize("kind", ["ask", "read"])
@pytest.mark.parametrize(
    ("rules", "name", "admitted"),
    [
        (ONLY_FRONTEND, "mcp-frontend", True),
        (ONLY_FRONTEND, "agent", True),
        (ONLY_FRONTEND, "cloudwatch-service", False),
        (ONLY_FRONTEND, "agent.example.com", False),
        (ONLY_FRONTEND, "MCP-FRONTEND-2", False),
        (ServiceRules(frozenset()), "mcp-frontend", False),
        (ServiceRules(callers=None), "anybody", True),
    ],
)
async def test_the_name_in_the_certificate_decides(
    stack: GrpcStack, kind: str, rules: ServiceRules, name: str, admitted: bool
) -> None:
    async with stack.serving(hosted(rules=rules)) as address, stack.calling(address, name) as caller:
        call = getattr(caller, kind)(b"x")
        if admitted:
            assert await call in (b"x", [b"x"])
        else:
            assert await refusal(call) is Reason.PEER_NOT_ALLOWED


async def test_a_name_that_is_no_dns_name_admits_nobody(stack: GrpcStack, tmp_path: Path) -> None:
    """The authority may vouch for an e-mail address or an address of the network; neither names a service."""
    leaf = stack.authority._authority.issue_cert("caller@mcp-frontend", "127.0.0.1", common_name="mcp-frontend")
    files = TlsFiles(tmp_path / "mail.pem", tmp_path / "mail.key", stack.authority.ca_file)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(files.cert_file))
    leaf.private_key_pem.write_to_path(str(files.key_file))
    rules = ServiceRules(frozenset({"mcp-frontend", "127.0.0.1", "caller@mcp-frontend"}))
    async with stack.serving(hosted(rules=rules)) as address, stack.calling(address, tls=files) as caller:
        assert await refusal(caller.ask()) is Reason.PEER_NOT_ALLOWED


async def test_a_service_without_rules_admits_nobody(stack: GrpcStack) -> None:
    """Registered behind the builder's back, as a forgotten rule would be."""
    forgotten = hosted(name="test.v1.Forgotten")

    def register(server: grpc.aio.Server) -> None:
        forgotten.register(server)

    ruled = hosted()
    both = type(ruled)(ruled.full_name, lambda server: (ruled.register(server), register(server))[0], ruled.rules)
    async with stack.serving(both) as address, stack.calling(address) as caller:
        assert await caller.ask(b"x") == b"x"
        unary: Any = caller.channel.unary_unary("/test.v1.Forgotten/Unary")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unary(b"x", timeout=5)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_health_and_reflection_answer_every_peer_of_ours(stack: GrpcStack) -> None:
    service = hosted(rules=ServiceRules(frozenset()))
    async with stack.serving(service) as address, stack.calling(address) as caller:
        health: Any = health_pb2_grpc.HealthStub(caller.channel)
        for name in ("", service.full_name):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(caller.channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in stub.ServerReflectionInfo(iter([request]), timeout=5):
            names = {each.name for each in answer.list_services_response.service}
    assert service.full_name in names


async def test_a_certificate_of_another_authority_gets_nowhere(stack: GrpcStack, elsewhere: GrpcStack) -> None:
    stranger = elsewhere.tls("mcp-frontend")
    trusting = TlsFiles(stranger.cert_file, stranger.key_file, stack.authority.ca_file)
    async with stack.serving(hosted()) as address, stack.calling(address, tls=trusting) as caller:
        assert await refusal(caller.ask(timeout=3)) in (Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED)


async def test_a_server_of_another_authority_is_not_believed(stack: GrpcStack, elsewhere: GrpcStack) -> None:
    theirs = elsewhere.tls(SERVER)
    impostor = TlsFiles(theirs.cert_file, theirs.key_file, stack.authority.ca_file)
    async with stack.serving(hosted(), tls=impostor) as address, stack.calling(address) as caller:
        assert await refusal(caller.ask(timeout=3)) in (Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED)


async def test_a_server_of_another_name_is_not_believed(stack: GrpcStack) -> None:
    async with (
        stack.serving(hosted(), tls=stack.tls("mcp-frontend")) as address,
        stack.calling(address, server_name=SERVER) as caller,
    ):
        assert await refusal(caller.ask(timeout=3)) in (Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED)


async def call_with(address: str, channel: grpc.aio.Channel) -> grpc.StatusCode:
    async with channel:
        unary: Any = channel.unary_unary(UNARY)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unary(b"x", timeout=3)
        return caught.value.code()


UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_without_a_certificate_there_is_no_connection(stack: GrpcStack) -> None:
    credentials = grpc.ssl_channel_credentials(stack.authority.ca_file.read_bytes())
    options = [("grpc.ssl_target_name_override", SERVER)]
    async with stack.serving(hosted()) as address:
        assert await call_with(address, grpc.aio.secure_channel(address, credentials, options)) in UNREACHABLE


async def test_plaintext_gets_nowhere(stack: GrpcStack) -> None:
    async with stack.serving(hosted()) as address:
        assert await call_with(address, grpc.aio.insecure_channel(address)) in UNREACHABLE


async def presented_serial(stack: GrpcStack, address: str) -> int:
    """The serial number of the certificate that the server shows in a new connection."""
    context = stack.authority.client_context("probe")
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = connection.getpeercert(binary_form=True)
    writer.close()
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def serial_of(files: TlsFiles) -> int:
    return x509.load_pem_x509_certificate(files.cert_file.read_bytes()).serial_number


async def test_a_renewed_certificate_is_shown_without_a_restart(stack: GrpcStack) -> None:
    files = stack.tls(SERVER)
    first = serial_of(files)
    async with stack.serving(hosted(), tls=files) as address, stack.calling(address) as caller:
        assert await presented_serial(stack, address) == first
        stack.tls(SERVER)  # over the same files
        later_ns = files.cert_file.stat().st_mtime_ns + 1_000_000_000
        os.utime(files.cert_file, ns=(later_ns, later_ns))
        assert serial_of(files) != first
        assert await presented_serial(stack, address) == serial_of(files)
        assert await caller.ask(b"x") == b"x"  # and who was connected stays so
