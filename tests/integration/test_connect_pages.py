"""The pages for connecting, over HTTP, with a ConnectionService behind them over gRPC."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx2
import pytest
from cwmcp.auth.v1 import connection_service_pb2 as pb

from servicekit.errors import Reason, ServiceError
from tests.kit.connect_world import ConnectWorld, connect_world
from tests.kit.connection_desk import ROLES
from tests.kit.spans import recorded_spans
from tests.kit.waiting import until

Browser = httpx2.AsyncClient
_CONNECTED = pb.WatchAttemptResponse.STATE_CONNECTED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConnectWorld]:
    async with connect_world(tmp_path) as running:
        yield running


@pytest.fixture
async def browser(world: ConnectWorld) -> AsyncIterator[Browser]:
    async with httpx2.AsyncClient(base_url=world.url, timeout=20, trust_env=False) as http:
        yield http


async def sign_in(world: ConnectWorld, browser: Browser, person: str = "alice", address: str | None = None) -> str:
    """Open a link (that person's unless another is given), sign in, and come back; the page that it ends at."""
    begun = await browser.get(address or world.link_for(person))
    assert begun.status_code == 303, begun.text
    state = httpx2.URL(begun.headers["location"]).params["state"]
    back = await browser.get("/connect/callback", params={"state": state, "code": person})
    if back.status_code != 303:
        return back.text
    assert back.headers["location"] == "/connect"
    return (await browser.get("/connect")).text


def token_in(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert found is not None, page
    return found[1]


async def send(browser: Browser, action: str, page: str, **fields: str | list[str]) -> httpx2.Response:
    headers = {"Origin": str(browser.base_url).rstrip("/")}
    data = {"form_token": token_in(page), **fields}
    return await browser.post(f"/connect/{action}", data=data, headers=headers)


async def start(world: ConnectWorld, browser: Browser) -> str:
    """Begin an attempt; its id."""
    page = await sign_in(world, browser)
    assert (await send(browser, "start", page)).status_code == 303
    (attempt_id,) = world.desk.attempts
    return attempt_id


async def connect(world: ConnectWorld, browser: Browser) -> str:
    """Connect; the page afterwards."""
    world.desk.end(await start(world, browser), _CONNECTED)
    return (await browser.get("/connect?check=1")).text


async def test_a_person_connects_chooses_and_disconnects(world: ConnectWorld, browser: Browser) -> None:
    page = await sign_in(world, browser)
    assert "alice@example.com" in page and "Connect AWS" in page
    started = await send(browser, "start", page)
    assert (started.status_code, started.headers["location"]) == (303, "/connect")
    for _ in range(2):  # it can be loaded again
        waiting = (await browser.get("/connect")).text
        assert "BCDF-GHJK" in waiting and "/device?attempt=" in waiting
        assert world.desk.attempts.keys() == {next(iter(world.desk.attempts))}
    world.desk.end(next(iter(world.desk.attempts)), _CONNECTED)
    connected = (await browser.get("/connect?check=1")).text
    assert "<h2>Connected</h2>" in connected and "BCDF-GHJK" not in connected
    assert connected.count(" checked>") == len(ROLES)
    connection_id = world.desk.connections["alice"].connection_id
    chosen = await send(browser, "choose", connected, connection=connection_id, role=["111111111111 ReadOnly"])
    assert chosen.headers["location"] == "/connect?done=chosen"
    assert [role.alias for role in world.desk.connections["alice"].roles if role.chosen] == ["production-readonly"]
    after = (await browser.get("/connect?done=chosen")).text
    assert "Go back to the chat" in after and after.count(" checked>") == 1
    await send(browser, "choose", after, connection=connection_id)
    nothing = (await browser.get("/connect")).text
    assert "so nothing is used" in nothing and " checked>" not in nothing
    gone = await send(browser, "disconnect", after, connection=connection_id)
    assert gone.headers["location"] == "/connect?done=disconnected"
    assert world.desk.connections == {}


async def test_a_link_serves_once_and_its_person_only(world: ConnectWorld, browser: Browser) -> None:
    link = world.link_for("alice")
    refused = await sign_in(world, browser, "bob", link)
    assert "made for another person" in refused
    assert world.desk.sessions == {}
    again = await browser.get(link)
    assert again.status_code == 410
    assert "unknown, was used or has ended" in again.text


@pytest.mark.parametrize(
    "query",
    ["code=alice", "state=x&code=alice", "code=alice&code=bob&state={state}", "error=access_denied&state={state}", ""],
    ids=["no state", "another state", "two codes", "an error", "nothing"],
)
async def test_answers_that_cannot_be_accepted_open_no_session(
    world: ConnectWorld, browser: Browser, query: str
) -> None:
    begun = await browser.get(world.link_for("alice"))
    state = httpx2.URL(begun.headers["location"]).params["state"]
    response = await browser.get(f"/connect/callback?{query.format(state=state)}")
    assert response.status_code == 403
    assert "The sign-in did not work" in response.text
    assert world.desk.sessions == {}


async def test_an_answer_in_another_browser_is_refused(world: ConnectWorld, browser: Browser) -> None:
    begun = await browser.get(world.link_for("alice"))
    state = httpx2.URL(begun.headers["location"]).params["state"]
    browser.cookies.clear()
    response = await browser.get("/connect/callback", params={"state": state, "code": "alice"})
    assert (response.status_code, world.desk.sessions) == (403, {})


async def test_forms_are_taken_from_own_pages_only(world: ConnectWorld, browser: Browser) -> None:
    page = await sign_in(world, browser)
    token = token_in(page)
    own = {"Origin": world.url}
    cases: list[tuple[dict[str, str], dict[str, str], int]] = [
        ({}, {"form_token": token}, 403),
        ({"Origin": "null"}, {"form_token": token}, 403),
        ({"Origin": "https://evil.example.com"}, {"form_token": token}, 403),
        ({"Origin": world.url.replace("http:", "https:")}, {"form_token": token}, 403),
        (own, {"other": "x"}, 403),
        (own, {"form_token": "0" * 64}, 403),
        (own, {"form_token": "ü"}, 403),
        ({**own, "Content-Type": "text/plain"}, {"form_token": token}, 415),
    ]
    for headers, data, status in cases:
        response = await browser.post("/connect/start", data=data, headers=headers)
        assert response.status_code == status, (headers, data)
    huge = await browser.post("/connect/start", data={"form_token": token, "x": "x" * 600_000}, headers=own)
    assert huge.status_code == 413
    assert world.desk.attempts == {}


async def test_forms_without_what_they_need_change_nothing(world: ConnectWorld, browser: Browser) -> None:
    page = await connect(world, browser)
    connection_id = world.desk.connections["alice"].connection_id
    for action, fields in (
        ("choose", {"connection": connection_id, "role": "nothing"}),
        ("choose", {"role": "111111111111 ReadOnly"}),
        ("choose", {"connection": connection_id, "role": "999999999999 Administrator"}),
        ("choose", {"connection": "another's", "role": "111111111111 ReadOnly"}),
        ("disconnect", {}),
        ("disconnect", {"connection": "another's"}),
    ):
        assert (await send(browser, action, page, **fields)).status_code == 400, fields
    assert all(role.chosen for role in world.desk.connections["alice"].roles)


async def test_who_has_no_session_is_asked_to_sign_in(world: ConnectWorld, browser: Browser) -> None:
    assert "Sign in as you do at your company" in (await browser.get("/connect")).text
    page = await sign_in(world, browser, address="/connect/sign-in")
    assert "alice@example.com" in page
    world.desk.sessions.clear()
    ended = await browser.get("/connect")
    assert ended.status_code == 403
    assert "Your session here has ended" in ended.text
    assert "cwmcp-session" not in browser.cookies
    assert (await browser.post("/connect/start", headers={"Origin": world.url})).status_code == 403


async def test_signing_out_ends_the_session_here_and_there(world: ConnectWorld, browser: Browser) -> None:
    page = await connect(world, browser)
    out = await send(browser, "sign-out", page)
    assert out.headers["location"] == "/connect?done=signed-out"
    assert (dict(browser.cookies), world.desk.sessions) == ({}, {})
    assert "What you connected stays connected" in (await browser.get("/connect?done=signed-out")).text
    assert "alice" in world.desk.connections


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (pb.WatchAttemptResponse.STATE_DENIED, "was not approved at AWS"),
        (pb.WatchAttemptResponse.STATE_EXPIRED, "was not approved in time"),
    ],
)
async def test_attempts_that_come_to_nothing_can_be_made_again(
    world: ConnectWorld, browser: Browser, state: pb.WatchAttemptResponse.State.ValueType, words: str
) -> None:
    world.desk.end(await start(world, browser), state)
    page = (await browser.get("/connect?check=1")).text
    assert words in page and "Connect AWS" in page


async def test_the_script_is_told_of_each_step(world: ConnectWorld, browser: Browser) -> None:
    attempt_id = await start(world, browser)
    async with browser.stream("GET", "/connect/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert [await anext(lines) for _ in range(4)] == ["retry: 3000", "", "data: waiting", ""]
        world.desk.end(attempt_id, _CONNECTED)
        assert [line async for line in lines] == ["data: connected", ""]


async def test_who_leaves_is_watched_no_longer(world: ConnectWorld, browser: Browser) -> None:
    await start(world, browser)
    async with browser.stream("GET", "/connect/events") as response:
        await anext(response.aiter_lines())
        await until(lambda: world.desk.watching == 1)
    await until(lambda: world.desk.watching == 0)


async def test_a_stopping_process_ends_streams(world: ConnectWorld, browser: Browser) -> None:
    await start(world, browser)
    async with browser.stream("GET", "/connect/events") as response:
        lines = response.aiter_lines()
        await anext(lines)
        world.site.stop()
        async with asyncio.timeout(5):
            assert "data: connected" not in [line async for line in lines]
    await until(lambda: world.desk.watching == 0)


async def test_one_session_opens_few_streams(world: ConnectWorld, browser: Browser) -> None:
    await start(world, browser)
    statuses = []
    responses = [browser.stream("GET", "/connect/events") for _ in range(5)]
    for opening in responses:
        statuses.append((await opening.__aenter__()).status_code)
    for opening in responses:
        await opening.__aexit__(None, None, None)
    assert statuses == [200] * 4 + [429]
    await until(lambda: world.desk.watching == 0)
    async with browser.stream("GET", "/connect/events") as response:
        assert response.status_code == 200


async def test_without_an_attempt_there_is_nothing_to_follow(world: ConnectWorld, browser: Browser) -> None:
    await sign_in(world, browser)
    assert (await browser.get("/connect/events")).status_code == 204
    browser.cookies.set("cwmcp-attempt", "e30.0000")
    assert (await browser.get("/connect/events")).status_code == 204


async def test_an_attempt_that_auth_service_does_not_know_is_over(world: ConnectWorld, browser: Browser) -> None:
    await start(world, browser)
    world.desk.attempts.clear()
    assert "data: over" in (await browser.get("/connect/events")).text
    assert "Connect AWS" in (await browser.get("/connect?check=1")).text


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ServiceError(Reason.UNAVAILABLE, "down", retry_after_s=7), 503, "does not answer"),
        (ServiceError(Reason.CONNECTING_NOT_ALLOWED, "no grant"), 403, "cannot connect AWS here"),
        (ServiceError(Reason.INTERNAL, "secret", details={"incident": "0123"}), 500, "incident 0123"),
        (ServiceError(Reason.PEER_NOT_ALLOWED, "secret"), 500, "Something went wrong"),
        (ServiceError(Reason.AWS_THROTTLED, "secret"), 503, "does not answer"),
    ],
    ids=["unavailable", "not allowed", "incident", "peer", "throttled"],
)
async def test_failures_are_told_in_words(
    world: ConnectWorld, browser: Browser, error: ServiceError, status: int, words: str
) -> None:
    page = await sign_in(world, browser)
    world.desk.failure = error
    response = await send(browser, "start", page)
    assert response.status_code == status
    assert words in unescape(response.text) and "secret" not in response.text
    assert response.headers.get("retry-after") == ({"UNAVAILABLE": "7", "AWS_THROTTLED": "5"}.get(error.reason))


async def test_where_nothing_is_set_up_the_pages_say_so(tmp_path: Path) -> None:
    async with (
        connect_world(tmp_path, is_set_up=False) as world,
        httpx2.AsyncClient(base_url=world.url, trust_env=False) as browser,
    ):
        response = await browser.get("/connect/sign-in")
    assert response.status_code == 404
    assert "uses no IAM Identity Center" in response.text


async def test_where_there_are_several_issuers_people_choose(tmp_path: Path) -> None:
    issuers = ("https://one.example.com", "https://two.example.com/x?y=&z")
    async with (
        connect_world(tmp_path, issuers=issuers) as world,
        httpx2.AsyncClient(base_url=world.url, trust_env=False) as browser,
    ):
        page = (await browser.get("/connect")).text
        addresses = [unescape(found) for found in re.findall(r'href="(/connect/sign-in[^"]*)"', page)]
        assert len(addresses) == 2
        assert [httpx2.URL(world.url + address).params["issuer"] for address in addresses] == list(issuers)
        assert (await browser.get(addresses[1])).status_code == 303
        assert (await browser.get("/connect/sign-in?issuer=https://evil.example.com")).status_code == 400


async def test_whatever_is_filled_in_is_escaped_and_no_link_is_a_script(world: ConnectWorld, browser: Browser) -> None:
    world.desk.display_name = "<script>alert(1)</script>"
    world.desk.verification_url = "javascript:alert(1)"
    world.desk.roles = [
        pb.PortalRole(account_id="1", account_name="<b>", role_name='"><img src=x onerror=alert(1)>', alias="'\"&")
    ]
    page = await sign_in(world, browser)
    await send(browser, "start", page)
    waiting = (await browser.get("/connect")).text
    assert "javascript:" not in waiting
    world.desk.end(next(iter(world.desk.attempts)), _CONNECTED)
    for text in (page, waiting, (await browser.get("/connect?check=1")).text):
        assert "<script>alert" not in text and "<img src=x" not in text and "<b>" not in text


async def test_every_answer_has_the_strict_headers(world: ConnectWorld, browser: Browser) -> None:
    answers = [
        await browser.get("/connect"),
        await browser.get("/connect/nothing"),
        await browser.get("/connect/l/"),
        await browser.get("/connect/l/a/b"),
        await browser.get("/connect/static/other"),
        await browser.get("/connect/static/connect.js"),
        await browser.get(world.link_for("alice")),
        await browser.put("/connect"),
        await browser.get("/connect", headers={"Host": "evil.example.com"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 404, 404, 200, 303, 405, 421]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
        is_file = answer.headers["content-type"].startswith("text/javascript") if answer.content else False
        assert answer.headers["cache-control"] == ("public, max-age=86400" if is_file else "no-store")
    assert "HttpOnly" in answers[6].headers["set-cookie"] and "SameSite=lax" in answers[6].headers["set-cookie"]


async def test_nothing_secret_is_logged_or_traced(
    world: ConnectWorld, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "mcp_frontend")
    link = world.link_for("alice")
    with recorded_spans() as spans:
        page = await sign_in(world, browser, "alice", link)
        secret = [link.rpartition("/")[2], *dict(browser.cookies).values(), token_in(page), "a-state", "a-code"]
        world.desk.failure = ServiceError(Reason.INTERNAL, "a defect")
        for address in (link, "/connect", "/connect/callback?state=a-state&code=a-code"):
            await browser.get(address)
        told = "\n".join([*(span.to_json() for span in spans.all()), *(str(vars(record)) for record in caplog.records)])
    assert "GET /connect/l/{link}" in told
    assert [text for text in secret if text in told] == []
