"""RevocationService and its feed: pages, streams and heartbeats."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from cwmcp.auth.v1 import backchannel_logout_service_pb2 as logout_pb
from cwmcp.auth.v1 import revocation_feed_service_pb2 as feed_pb
from cwmcp.auth.v1 import revocation_service_pb2 as pb

from auth_service.domain.issuers import Issuer
from auth_service.revocation import Revocations
from auth_service.rpc.logout import BackchannelLogoutServicer
from auth_service.rpc.revocations import RevocationFeedServicer, RevocationServicer
from servicekit.errors import Reason, ServiceError
from servicekit.revocation_messages import from_proto, to_proto
from tests.unit.servicekit.test_revocations import revocation

IDP = "https://idp"
NOW_S = 1_000_000.0
CONTEXT: Any = SimpleNamespace(auth_context=lambda: {"peer_dns": [b"admin", b"admin.example.com"]})


def make(count: int = 0) -> Revocations:
    made = Revocations({IDP: Issuer(issuer=IDP, audiences=("a",))}, None, clock=lambda: NOW_S)
    made.known.add((revocation(subject=f"user-{n}", revoked_at_s=1_000_000 + n) for n in range(count)), NOW_S)
    return made


async def test_a_revocation_names_its_administrator_by_certificate() -> None:
    made = make()
    request = pb.RevokeUserRequest(issuer=IDP, subject="alice", reason="lost laptop")
    said = (await RevocationServicer(made).RevokeUser(request, CONTEXT)).revocation
    assert (said.revoked_by, said.reason, said.subject) == ("admin, admin.example.com", "lost laptop", "alice")
    assert said.issued_until.seconds > NOW_S
    assert list(made.known) == [from_proto(said)]


def test_a_message_says_all_of_a_revocation() -> None:
    one = revocation(session_id="s1")
    assert from_proto(to_proto(one)) == one


async def test_pages_hold_all_the_newest_first() -> None:
    servicer, found, token, pages = RevocationServicer(make(5)), list[str](), "", 0
    while True:
        page = await servicer.ListRevocations(pb.ListRevocationsRequest(page_size=2, page_token=token), CONTEXT)
        found += [each.subject for each in page.revocations]
        token, pages = page.next_page_token, pages + 1
        if not token:
            break
    assert (found, pages) == ([f"user-{n}" for n in (4, 3, 2, 1, 0)], 3)


@pytest.mark.parametrize(
    ("size", "token", "field"), [(-1, "", "page_size"), (1_001, "", "page_size"), (1, "x", "page_token")]
)
async def test_pages_that_cannot_be_are_refused(size: int, token: str, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        request = pb.ListRevocationsRequest(page_size=size, page_token=token)
        await RevocationServicer(make(1)).ListRevocations(request, CONTEXT)
    assert caught.value.field == field


async def test_a_stream_tells_all_then_news_then_that_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_service.rpc.revocations._HEARTBEAT_S", 0.01)
    made = make(1_001)
    feed = RevocationFeedServicer(made)
    stream = feed.WatchRevocations(feed_pb.WatchRevocationsRequest(), CONTEXT)
    told = [await anext(stream) for _ in range(4)]
    assert [len(message.revocations) for message in told] == [500, 500, 1, 0]
    assert [message.complete for message in told] == [False, False, False, True]
    heartbeat = await anext(stream)
    assert (len(heartbeat.revocations), heartbeat.complete, heartbeat.current) == (0, True, True)
    made.known.add([revocation(subject="alice")], NOW_S)
    message = await anext(stream)
    while not message.revocations:  # a heartbeat may have been due
        message = await anext(stream)
    assert [each.subject for each in message.revocations] == ["alice"]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_closing_ends_streams_at_once() -> None:
    feed = RevocationFeedServicer(make())

    async def read() -> None:
        async for _ in feed.WatchRevocations(feed_pb.WatchRevocationsRequest(), CONTEXT):
            feed.close()

    async with asyncio.timeout(0.5):
        await read()


async def test_without_authentication_no_logout_token_is_taken() -> None:
    with pytest.raises(ServiceError) as caught:
        await BackchannelLogoutServicer(None).Logout(logout_pb.LogoutRequest(logout_token="a.b.c"), CONTEXT)
    assert caught.value.reason is Reason.TOKEN_ISSUER_UNKNOWN
