"""The whole way: a question, a link, a browser, a sign-in, the portal, and the same question with an answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from mcp_types import CallToolResult
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import ALICE_ACCOUNT
from tests.interop.connecting_world import ConnectingWorld, running_connecting_world
from tests.interop.oauth_conversation import Conversation, conversation
from tests.kit.form_browser import form_browser
from tests.kit.services import SERVICES

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConnectingWorld]:
    async with running_connecting_world(tmp_path_factory.mktemp("connecting")) as running:
        yield running


@asynccontextmanager
async def chat_of(product: ConnectingWorld, person: str) -> AsyncIterator[Conversation]:
    """An MCP client of that person, signed in, which can open no addresses for its user."""
    async with form_browser(person) as browser, conversation(product.deployment.mcp_url, browser) as chat:
        yield chat


@asynccontextmanager
async def browser_of(chromium: Browser) -> AsyncIterator[Page]:
    """Another browser than those before."""
    context = await chromium.new_context()
    yield await context.new_page()
    await context.close()


async def question(chat: Conversation, tool: str = "get_active_alarms") -> CallToolResult:
    return await chat.client.call_tool(tool, {})


def link_in(result: CallToolResult) -> str:
    assert result.is_error, result.content
    *_, last = result.content
    assert last.type == "text" and "/connect/l/" in last.text, result.content
    return last.text


async def sign_in(page: Page, person: str) -> None:
    await page.get_by_label("User name").fill(person)
    await page.get_by_role("button", name="Sign in").click()


async def connect(page: Page) -> None:
    await page.get_by_role("button", name="Connect AWS").click()
    code = await page.locator("#code").inner_text()
    async with page.expect_popup() as opening:
        await page.get_by_role("link", name="Open AWS").click()
    portal = await opening.value
    await expect(portal.get_by_text(code)).to_be_visible()
    await portal.get_by_role("button", name="Allow as alice").click()
    await expect(page.get_by_role("button", name="Save")).to_be_visible(timeout=20_000)


async def test_alice_asks_connects_gets_an_answer_of_her_account_and_disconnects(
    chromium: Browser, product: ConnectingWorld
) -> None:
    async with chat_of(product, "alice") as chat:
        link = link_in(await question(chat))
        async with browser_of(chromium) as page:
            await page.goto(link)
            await sign_in(page, "alice")
            await connect(page)
            await expect(page.get_by_text("payments-readonly")).to_be_visible()
            await expect(page.get_by_text("Administrator")).to_have_count(0)  # the policy admits no such role
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("heading", name="All done")).to_be_visible()
        answer = await question(chat)
        assert not answer.is_error, answer.content
        assert ALICE_ACCOUNT in str(answer.content)
        assert {(person, has.account_id) for person, has, _ in product.portal.issued} == {("alice", ALICE_ACCOUNT)}
        async with browser_of(chromium) as page:  # later, at another computer, without a link
            await page.goto(product.connect_url)
            await page.get_by_role("link", name="Sign in").click()
            await sign_in(page, "alice")
            await expect(page.get_by_text("Signed in as alice@example.com")).to_be_visible()
            await page.get_by_role("button", name="Disconnect").click()
            await expect(page.get_by_role("heading", name="Disconnected")).to_be_visible()
        link_in(await question(chat, "list_accounts"))
        assert product.portal.server.state.live_sessions("alice") == 0
    logs = "".join((product.deployment.directory / f"{service}.log").read_text() for service in SERVICES)
    assert link.rpartition("/")[2] not in logs


async def test_a_link_of_alice_is_of_no_use_to_bob_nor_twice(chromium: Browser, product: ConnectingWorld) -> None:
    async with chat_of(product, "alice") as chat:
        link = link_in(await question(chat, "list_accounts"))
    async with browser_of(chromium) as page:
        await page.goto(link)
        await sign_in(page, "bob")
        await expect(page.get_by_text("for another person")).to_be_visible()
    async with browser_of(chromium) as page:
        await page.goto(link)
        await expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    async with chat_of(product, "bob") as chat:
        assert link_in(await question(chat)) != link
