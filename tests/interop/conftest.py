"""Fixtures of the comparison with the peer, and what happens when it is not installed.

Then the tests here are not collected and the run says so in a line; in CI that is an error. They run in the session's
event loop, with both servers started once.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop import peer
from tests.interop.side_by_side import SideBySide, side_by_side

if not peer.is_installed():
    if os.environ.get("CI"):
        raise pytest.UsageError(peer.HOW_TO_INSTALL)
    collect_ignore_glob = ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and how to get it."""
    if not peer.is_installed():
        terminalreporter.write_line(f"tests/interop: {peer.HOW_TO_INSTALL}", yellow=True)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SideBySide]:
    """Both servers, running."""
    async with side_by_side(tmp_path_factory.mktemp("interop")) as running:
        yield running
