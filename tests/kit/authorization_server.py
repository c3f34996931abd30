"""A real authorization server for tests: npm's oidc-provider, as a process of its own on a free loopback port.

async with authorization_server(tmp_path, users=..., resources=...) as server:
    ...  # server.url is the issuer's name
    await server.configure(access_token_ttl_s=2)

Settings are those of tests/interop/authorization_server/provider.mjs. `make provider` installs it. The process ends
with the block, and also when the test's process dies: its standard input closes.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.process import REPOSITORY

_DIRECTORY: Final = REPOSITORY / "tests" / "interop" / "authorization_server"
_LOCK: Final = _DIRECTORY / "package-lock.json"
_INSTALLED: Final = _DIRECTORY / "node_modules" / "installed.lock"
"""A copy of the lock file, made by `make provider` when everything was installed."""
_OWN_NODE: Final = _DIRECTORY / "node_modules" / ".bin" / "node"
"""There where the machine's Node.js was too old."""
_ANSWER_S: Final = 15.0
_STOP_S: Final = 5.0
HOW_TO_INSTALL: Final = (
    "the authorization server is not installed, so nobody signed in at one: `make provider` installs it (needs npm)"
)


def is_installed() -> bool:
    """Whether what the lock file asks for is there, and a Node.js to run it."""
    return _node() is not None and _INSTALLED.is_file() and _INSTALLED.read_bytes() == _LOCK.read_bytes()


def _node() -> str | None:
    return str(_OWN_NODE) if _OWN_NODE.exists() else shutil.which("node")


class AuthorizationServer:
    """The running server. `url` is the issuer's name, to the letter."""

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self.url = ""
        self._process = process
        self._log_file = log_file

    async def configure(self, **settings: Any) -> None:
        """Lay these settings over those before; returns once they hold."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        assert await self.said() == {"ready": True}

    async def said(self) -> dict[str, Any]:
        """The next line of its standard output. Raises AssertionError with its log when none comes."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_ANSWER_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        assert line, f"the authorization server did not answer; it logged:\n{self.log()}"
        message: dict[str, Any] = json.loads(line)
        return message

    def log(self) -> str:
        """What it wrote about itself."""
        return self._log_file.read_text(errors="replace")

    async def stop(self) -> None:
        """Let it end, or end it when it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def authorization_server(directory: Path, **settings: Any) -> AsyncIterator[AuthorizationServer]:
    """The server while open; what it logs goes to a file in the directory."""
    node = _node()
    assert node is not None and is_installed(), HOW_TO_INSTALL
    log_file = directory / "authorization_server.log"
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *(node, "server.mjs"),
            cwd=_DIRECTORY,
            env={"HOME": str(directory)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=descriptor,
        )
    finally:
        os.close(descriptor)
    server = AuthorizationServer(process, log_file)
    try:
        server.url = (await server.said())["url"]
        await server.configure(**settings)
        yield server
    finally:
        await server.stop()
