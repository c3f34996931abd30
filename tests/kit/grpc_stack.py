"""Servers and channels as the product makes them, between two certificates of a test authority, on loopback."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.grpc_server import HostedService, ServerLimits, serving
from servicekit.identity import Principal
from servicekit.tls import TlsFiles
from tests.kit.handlers import STREAM, UNARY
from tests.kit.tls import CertificateAuthority

SERVER = "server"
LIMITS = ServerLimits(grace_period_s=5.0)


class OpenGate:
    """Nobody's sign-in was ended."""

    @asynccontextmanager
    async def passing(self, principal: Principal) -> AsyncIterator[None]:
        """Let everybody in."""
        yield


class Caller:
    """One channel to the test service; failures are raised as ServiceError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.unary: Any = channel.unary_unary(UNARY)
        self.stream: Any = channel.unary_stream(STREAM)

    async def ask(self, request: bytes = b"", **options: Any) -> bytes:
        """Call Unary."""
        options.setdefault("timeout", 10)
        with raising_service_errors():
            answer: bytes = await self.unary(request, **options)
            return answer

    async def read(self, request: bytes = b"", **options: Any) -> list[bytes]:
        """Call Stream and read it to its end."""
        options.setdefault("timeout", 10)
        with raising_service_errors():
            return [message async for message in self.stream(request, **options)]


class GrpcStack:
    """Certificates by name, and what is built with them."""

    def __init__(self, directory: Path) -> None:
        self.authority = CertificateAuthority(directory)

    def tls(self, name: str) -> TlsFiles:
        """Certificate files of that name and no other."""
        issued = self.authority.issue(name, loopback=False)
        return TlsFiles(issued.cert_file, issued.key_file, self.authority.ca_file)

    @asynccontextmanager
    async def serving(
        self, *services: HostedService, limits: ServerLimits = LIMITS, tls: TlsFiles | None = None, **options: Any
    ) -> AsyncIterator[str]:
        """A server while open; yields its address."""
        options.setdefault("gate", OpenGate())
        async with serving("127.0.0.1:0", tls or self.tls(SERVER), services, limits, **options) as address:
            yield address

    @asynccontextmanager
    async def calling(
        self,
        address: str,
        name: str = "caller",
        *,
        tls: TlsFiles | None = None,
        server_name: str = SERVER,
        retried_methods: Collection[tuple[str, str]] = (),
    ) -> AsyncIterator[Caller]:
        """A channel to it while open."""
        files = tls or self.tls(name)
        async with connected(address, server_name, files, retried_methods=retried_methods) as channel:
            yield Caller(channel)
