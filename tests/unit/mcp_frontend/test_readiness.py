"""/health and /ready against real gRPC health services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import httpx2
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from starlette.applications import Starlette
from starlette.routing import Route

from mcp_frontend.readiness import Readiness
from servicekit.grpc_client import connected
from servicekit.tls import TlsFiles, server_credentials
from tests.kit.ports import free_port
from tests.kit.tls import CertificateAuthority

SERVICE = "some.Service"


@asynccontextmanager
async def _backend(tls: TlsFiles, port: int) -> AsyncIterator[health.aio.HealthServicer]:
    servicer = health.aio.HealthServicer()
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_secure_port(f"127.0.0.1:{port}", server_credentials(tls))
    await server.start()
    await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    yield servicer
    await server.stop(0)


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    authority = CertificateAuthority(tmp_path)
    return TlsFiles(*authority.issue("auth-service"), authority.ca_file)


@asynccontextmanager
async def _asking(readiness: Readiness) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=[Route("/health", readiness.live), Route("/ready", readiness.ready)])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://frontend") as http:
        yield http


async def test_ready_follows_the_backend_and_health_does_not(tls: TlsFiles) -> None:
    port = free_port()
    async with connected(f"127.0.0.1:{port}", "auth-service", tls) as channel:
        readiness = Readiness({"auth_service": (channel, SERVICE)})
        async with _asking(readiness) as http:
            down = await http.get("/ready")
            assert down.status_code == 503
            assert "no answer" in down.json()["dependencies"]["auth_service"]
            assert (await http.get("/health")).status_code == 200
    async with (
        _backend(tls, port) as servicer,
        connected(f"127.0.0.1:{port}", "auth-service", tls) as channel,
    ):
        readiness = Readiness({"auth_service": (channel, SERVICE)})
        async with _asking(readiness) as http:
            assert (await http.get("/ready")).json() == {
                "status": "ready",
                "dependencies": {"auth_service": "serving"},
            }
            await servicer.set(SERVICE, health_pb2.HealthCheckResponse.NOT_SERVING)
            assert (await http.get("/ready")).status_code == 503
            await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
            readiness.stopping = True
            stopping = await http.get("/ready")
            assert stopping.status_code == 503
            assert stopping.json()["dependencies"]["mcp_frontend"] == "stopping"
