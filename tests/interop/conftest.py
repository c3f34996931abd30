"""Fixtures of the comparison with the peer, and what happens when something that is compared with is not installed.

Then the tests that need it are not collected and the run says so in a line; in CI that is an error. Those of the
comparison run in the session's event loop, with both servers started once.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop import peer
from tests.interop.side_by_side import SideBySide, side_by_side
from tests.kit import authorization_server, redis_server

_NEEDED = {
    "test_compatibility.py": [peer],
    "test_faults.py": [peer],
    "test_sign_in.py": [authorization_server],
    "test_connecting.py": [authorization_server],
    "test_shared_logout.py": [authorization_server, redis_server],
}
_MISSING = {
    file: [needed.HOW_TO_INSTALL for needed in all_needed if not needed.is_installed()]
    for file, all_needed in _NEEDED.items()
}
if os.environ.get("CI") and any(_MISSING.values()):
    raise pytest.UsageError("; ".join(dict.fromkeys(what for missing in _MISSING.values() for what in missing)))
collect_ignore_glob = [file for file, missing in _MISSING.items() if missing]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and how to get it."""
    for file in collect_ignore_glob:
        terminalreporter.write_line(f"tests/interop/{file}: {'; '.join(_MISSING[file])}", yellow=True)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SideBySide]:
    """Both servers, running."""
    async with side_by_side(tmp_path_factory.mktemp("interop")) as running:
        yield running
