"""A real Redis for tests: a process of its own on a free loopback port, without persistence, that can be killed.

Tests that need it are in files named test_shared_*.py: the conftest of integration tests leaves those out, saying so in
one line, where no server is installed; under CI, which installs one, that is an error.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.ports import free_port
from tests.kit.tls import CertificateAuthority

HOW_TO_INSTALL: Final = "redis-server is not installed (apt install redis-server); what needs it did not run"


class RedisServer:
    """One server, at the same address however often it is killed. It forgets everything when it is."""

    def __init__(self, directory: Path, *, password: str = "", authority: CertificateAuthority | None = None) -> None:
        self.port = free_port()
        self._directory = directory
        self._password = password
        self._authority = authority
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The address as an operator writes it."""
        return f"{'rediss' if self._authority else 'redis'}://127.0.0.1:{self.port}"

    async def go_up(self) -> None:
        """Start it, and return once it accepts connections."""
        options = self._options()
        log = (self._directory / "redis.log").open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                _program(), *options, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        finally:
            log.close()
        async with asyncio.timeout(10):
            while not await _accepts(self.port):
                assert self._process.returncode is None, (self._directory / "redis.log").read_text()
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End it at once; all that it held is lost."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def _options(self) -> Sequence[str]:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._directory)]
        if self._password:
            options += ["--requirepass", self._password]
        if self._authority is None:
            return [*options, "--port", str(self.port)]
        issued = self._authority.issue("redis")
        options += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
        options += ["--tls-cert-file", str(issued.cert_file), "--tls-key-file", str(issued.key_file)]
        return [*options, "--tls-ca-cert-file", str(self._authority.ca_file)]


def is_installed() -> bool:
    """Whether this machine has a server to start."""
    return bool(_program())


def _program() -> str:
    return shutil.which("redis-server") or shutil.which("valkey-server") or ""


@asynccontextmanager
async def redis_server(directory: Path, **options: Any) -> AsyncIterator[RedisServer]:
    """A server while open."""
    server = RedisServer(directory, **options)
    await server.go_up()
    try:
        yield server
    finally:
        await server.kill()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
