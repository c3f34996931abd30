"""The peer: AWS Labs' CloudWatch server, installed by `make peer`, driven over stdio by the MCP SDK's client.

Its process sees the variables that are given here and no others of this machine, in a home directory that is empty.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.interop.answers import Answer
from tests.kit.fake_aws import FakeAws
from tests.kit.process import REPOSITORY
from tests.kit.services import REGION

_VIRTUAL_ENVIRONMENT: Final = REPOSITORY / ".cache" / "peer-venv"
_REQUIREMENTS: Final = Path(__file__).with_name("peer.requirements.lock")
_LAUNCHER: Final = Path(__file__).with_name("peer_launcher.py")
_INSTALLED: Final = _VIRTUAL_ENVIRONMENT / "installed.lock"
"""A copy of the lock file, made by `make peer` when everything was installed."""
PYTHON: Final = _VIRTUAL_ENVIRONMENT / "bin" / "python"
HOW_TO_INSTALL: Final = "the peer is not installed, so ours was not compared with it: `make peer` installs it (500 MB)"
_CALL_TIMEOUT_S: Final = 60.0
_KEY_LIFETIME_S: Final = 12 * 3_600.0


def is_installed() -> bool:
    """Whether the virtual environment holds exactly what the lock file asks for."""
    return _INSTALLED.is_file() and _INSTALLED.read_bytes() == _REQUIREMENTS.read_bytes()


def environment(aws: FakeAws, account_id: str, home: Path) -> dict[str, str]:
    """What the peer needs to ask the fake AWS with keys of the account."""
    keys = aws.issue(account_id, "peer", lifetime_s=_KEY_LIFETIME_S)
    return {
        **{name.upper(): value for name, value in keys.items()},
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "HOME": str(home),
        "TZ": "UTC",
    }


class Peer:
    """A connected peer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """What a tool says, failures included."""
        result = await self.client.call_tool(tool, dict(arguments), read_timeout_seconds=_CALL_TIMEOUT_S)
        return Answer.read(result.model_dump(mode="json", by_alias=True, exclude_none=True))


@asynccontextmanager
async def running(variables: Mapping[str, str], log_file: Path) -> AsyncIterator[Peer]:
    """The peer as a process of its own while open; what it logs goes to the file.

    A task owns the client: a fixture may be left in another task than it was entered in, which the client may not.
    """
    ready: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()
    finished = asyncio.Event()

    async def own() -> None:
        server = StdioServerParameters(command=str(PYTHON), args=[str(_LAUNCHER)], env=dict(variables))
        with log_file.open("w") as log:
            async with Client(stdio_client(server, errlog=log)) as client:
                ready.set_result(Peer(client))
                await finished.wait()

    owner = asyncio.create_task(own())
    try:
        await asyncio.wait([owner, ready], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await owner  # raises why it could not be started
        yield await ready
    finally:
        finished.set()
        await owner
