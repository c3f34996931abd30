"""Whether this process lives, and whether what it depends on answers. For probes; says nothing about users."""

import asyncio
from collections.abc import Mapping
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.requests import Request
from starlette.responses import JSONResponse

_TIMEOUT_S: Final = 2.0


class Readiness:
    """Asks the gRPC health service of each backend."""

    def __init__(self, backends: Mapping[str, tuple[grpc.aio.Channel, str]]) -> None:
        """`backends` are a channel and the full name of the gRPC service that must serve, by a name for people."""
        self._backends = {
            name: (health_pb2_grpc.HealthStub(channel), service) for name, (channel, service) in backends.items()
        }
        self.stopping = False

    async def live(self, _request: Request) -> JSONResponse:
        """GET /health: 200 while the event loop runs."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _request: Request) -> JSONResponse:
        """GET /ready: 200 when every backend serves and this process is not stopping, else 503 saying which."""
        answers = await asyncio.gather(*(self._ask(name) for name in self._backends))
        states = dict(zip(self._backends, answers, strict=True))
        if self.stopping:
            states["mcp_frontend"] = "stopping"
        is_ready = all(state == "serving" for state in states.values())
        return JSONResponse(
            {"status": "ready" if is_ready else "not ready", "dependencies": states},
            status_code=200 if is_ready else 503,
        )

    async def _ask(self, name: str) -> str:
        stub, service = self._backends[name]
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return f"no answer ({error.code().name.lower()})"
        return "serving" if response.status == health_pb2.HealthCheckResponse.SERVING else "not serving"
