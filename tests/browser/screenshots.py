"""Takes the pictures in docs/identity of the real pages, before a ConnectionDesk. Run by `make screenshots`."""

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cwmcp.auth.v1 import connection_service_pb2 as pb

from tests.browser.chromium import running_chromium
from tests.kit.connect_world import connect_world

if TYPE_CHECKING:
    from playwright.async_api import Page

_PICTURES = Path(__file__).parents[2] / "docs" / "identity" / "pictures"


async def _picture(page: "Page", name: str, scheme: Literal["light", "dark"] = "light") -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.wait_for_load_state("load")
    await page.screenshot(path=_PICTURES / f"{name}.png", full_page=True)


async def main() -> None:
    """Write them all."""
    _PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with connect_world(Path(directory)) as world, running_chromium() as browser:
            context = await browser.new_context(
                viewport={"width": 760, "height": 480}, locale="en-GB", timezone_id="Europe/Vienna"
            )
            page = await context.new_page()
            await page.goto(world.link_for("alice"))
            await page.get_by_role("link", name="Sign in as alice").click()
            await _picture(page, "connect")
            await page.get_by_role("button", name="Connect AWS").click()
            await page.get_by_text("This page goes on by itself").wait_for()
            await _picture(page, "approve")
            world.desk.end(next(iter(world.desk.attempts)), pb.WatchAttemptResponse.STATE_CONNECTED)
            await page.get_by_role("button", name="Save").wait_for()
            await _picture(page, "choose", "dark")
            await context.clear_cookies()
            await page.goto(world.link_for("alice"))
            await page.get_by_role("link", name="Sign in as bob").click()
            await _picture(page, "refused")


if __name__ == "__main__":
    asyncio.run(main())
