"""A real browser for tests of the pages, and what happens where there is none.

Then these tests are not collected and the run says so in a line; in CI that is an error.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.browser.chromium import HOW_TO_INSTALL, is_installed, running_chromium
from tests.kit import authorization_server
from tests.kit.connect_world import ConnectWorld, connect_world

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

_MISSING = [HOW_TO_INSTALL] if not is_installed() else []
_MISSING_FOR_ALL = [
    *_MISSING,
    *([authorization_server.HOW_TO_INSTALL] if not authorization_server.is_installed() else []),
]
if os.environ.get("CI") and _MISSING_FOR_ALL:
    raise pytest.UsageError("; ".join(_MISSING_FOR_ALL))
collect_ignore_glob = ["test_*.py"] if _MISSING else ["test_connecting.py"] if _MISSING_FOR_ALL else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and how to get it."""
    for file in collect_ignore_glob:
        terminalreporter.write_line(f"tests/browser/{file}: {'; '.join(_MISSING_FOR_ALL)}", yellow=True)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> "AsyncIterator[Browser]":
    """One browser for all tests."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: "Browser") -> "AsyncIterator[Page]":
    """A page of a browser that knows nobody. What its console complains of fails the test."""
    context = await chromium.new_context()
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await context.close()
    # Chromium reports each answer of 400 and above, which is no fault of a page.
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[ConnectWorld]:
    """The pages, with a service behind them."""
    async with connect_world(tmp_path) as running:
        yield running
