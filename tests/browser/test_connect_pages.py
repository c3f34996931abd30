"""A person at a browser connects their AWS sign-in: with scripts and without, with a mouse and without."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.kit.connect_world import ConnectWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sign_in(page: Page, world: ConnectWorld, person: str = "alice") -> None:
    await page.goto(world.link_for(person))
    await page.get_by_role("link", name=f"Sign in as {person}").click()
    await expect(page.get_by_role("heading", name="Your AWS connection")).to_be_visible()


async def approve(page: Page) -> None:
    """In the tab that the page opens."""
    code = await page.locator("#code").inner_text()
    async with page.expect_popup() as opening:
        await page.get_by_role("link", name="Open AWS").click()
    portal = await opening.value
    await expect(portal.get_by_text(code)).to_be_visible()
    assert await portal.evaluate("window.opener") is None
    assert await portal.evaluate("document.referrer") == ""
    await portal.get_by_role("button", name="Allow").click()
    await expect(portal.get_by_text("Request approved")).to_be_visible()
    await portal.close()


async def test_alice_connects_chooses_and_disconnects(page: Page, world: ConnectWorld) -> None:
    await sign_in(page, world)
    await page.get_by_role("button", name="Connect AWS").click()
    await expect(page.get_by_role("status")).to_contain_text("This page goes on by itself")
    await expect(page.get_by_role("button", name="I have approved it")).to_be_hidden()
    await page.reload()
    await approve(page)
    await expect(page.get_by_role("heading", name="Connected", exact=True).first).to_be_visible()
    everything = page.get_by_label("All of them")
    await expect(everything).to_be_checked()
    await everything.uncheck()
    await page.get_by_label("production-readonly").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="All done")).to_be_visible()
    await expect(page.get_by_label("production-readonly")).to_be_checked()
    await expect(page.get_by_label("webshop-readonly")).not_to_be_checked()
    chosen = [role.alias for role in world.desk.connections["alice"].roles if role.chosen]
    assert chosen == ["production-readonly"]
    await page.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_role("heading", name="Disconnected")).to_be_visible()
    assert world.desk.connections == {}
    await page.get_by_role("button", name="Sign out here").click()
    await expect(page.get_by_text("You are signed out here")).to_be_visible()
    assert await page.context.cookies(world.url) == []


async def test_a_link_of_alice_is_of_no_use_to_bob_and_to_alice_after_him(page: Page, world: ConnectWorld) -> None:
    link = world.link_for("alice")
    await page.goto(link)
    await page.get_by_role("link", name="Sign in as bob").click()
    await expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    await expect(page.get_by_text("made for another person")).to_be_visible()
    await page.goto(link)
    await expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert (world.desk.sessions, world.desk.connections) == ({}, {})


async def test_it_works_without_scripts(chromium: Browser, world: ConnectWorld) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, world)
    await page.get_by_role("button", name="Connect AWS").click()
    await expect(page.get_by_role("button", name="I have approved it")).to_be_visible()
    async with page.expect_popup() as opening:
        await page.get_by_role("link", name="Open AWS").click()
    await (await opening.value).get_by_role("button", name="Allow").click()
    await expect(page.get_by_role("heading", name="Connected", exact=True).first).to_be_visible(timeout=15_000)
    await expect(page.get_by_label("All of them")).to_be_hidden()
    await context.close()


async def test_it_works_by_keyboard_alone(page: Page, world: ConnectWorld) -> None:
    await sign_in(page, world)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Connect AWS")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Approve at AWS")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Open AWS")).to_be_focused()


async def test_a_page_of_another_site_cannot_send_its_forms(page: Page, world: ConnectWorld) -> None:
    await sign_in(page, world)
    token = await page.locator("[name=form_token]").first.get_attribute("value")
    elsewhere = world.desk.base_url  # another site, with this browser's cookies for ours
    await page.goto(f"{elsewhere}/authorize?state=x")
    await page.evaluate(
        """([url, token]) => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = `${url}/connect/start`;
            form.innerHTML = `<input name="form_token" value="${token}">`;
            document.body.append(form);
            form.submit();
        }""",
        [world.url, token],
    )
    await expect(page).to_have_url(re.compile("/connect/start$"))
    assert world.desk.attempts == {}


async def test_there_is_nothing_wide_and_everything_has_a_name(page: Page, world: ConnectWorld) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})  # WCAG 2.2, 1.4.10
    await sign_in(page, world)
    await page.get_by_role("button", name="Connect AWS").click()
    await expect(page.get_by_role("heading", name="Approve at AWS")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await approve(page)
    await expect(page.get_by_role("button", name="Save")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await page.evaluate("document.documentElement.lang") == "en"
    unnamed = "[...document.querySelectorAll('input:not([type=hidden])')].filter((box) => !box.labels.length).length"
    assert await page.evaluate(unnamed) == 0
