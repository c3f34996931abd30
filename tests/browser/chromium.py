"""The machine's Chromium, driven by Playwright; neither is needed for anything but tests and pictures of the pages."""

import importlib.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOW_TO_INSTALL = "the browser's tests need Chromium and `make browser`"


def is_installed() -> bool:
    """Whether both are there."""
    return _find() is not None and importlib.util.find_spec("playwright") is not None


@asynccontextmanager
async def running_chromium() -> "AsyncIterator[Browser]":
    """A browser without a profile, while open."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        # Its sandbox needs rights that containers and the root user lack; it opens pages of tests only.
        browser = await playwright.chromium.launch(executable_path=_find(), chromium_sandbox=False)
        yield browser
        await browser.close()


def _find() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path is not None), None)
