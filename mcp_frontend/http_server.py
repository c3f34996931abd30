"""Serves an ASGI application by uvicorn as a part of a larger process: no signal handlers, no exit of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from mcp_frontend.http_protocol import BoundedHttpProtocol, Connections

_BACKLOG = 2_048
_STARTUP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class HttpListener:
    """Where to listen, and the certificate when TLS ends here."""

    host: str
    port: int
    cert_file: Path | None = None
    key_file: Path | None = None
    max_connections: int = 5_000
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For is believed: the client is the last of it that is none of them."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = Connections()
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that connections are accepted now."""
        await super().startup(sockets)
        self.accepting.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the lifecycle of the process."""
        yield


@asynccontextmanager
async def serving_http(
    app: ASGIApp, listener: HttpListener, *, before_stop: Callable[[], Awaitable[None]]
) -> AsyncIterator[int]:
    """Serve `app` while open; yields the port in use. On exit awaits `before_stop`, then closes all connections.

    Raises OSError when the port cannot be had or the certificate cannot be read.
    """
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(listener.trusted_proxies),
        forwarded_allow_ips=list(listener.trusted_proxies),
        limit_concurrency=listener.max_connections,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        ssl_certfile=listener.cert_file,
        ssl_keyfile=listener.key_file,
    )
    config.load()  # here, where a certificate that cannot be read is told at once
    listening = socket.create_server((listener.host, listener.port), backlog=_BACKLOG, family=_family(listener.host))
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(_STARTUP_TIMEOUT_S):
            await server.accepting.wait()
        yield listening.getsockname()[1]
        for accepting in server.servers:
            accepting.close()
        await before_stop()
    finally:
        server.should_exit = True
        await running


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
