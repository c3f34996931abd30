"""Following auth_service's word on ended sign-ins over real gRPC streams: news, silence, outages, restarts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from cwmcp.auth.v1 import revocation_feed_service_pb2 as pb

from cloudwatch_service.revocation_watch import RevocationWatch
from servicekit.background import in_background
from servicekit.errors import Reason, ServiceError
from servicekit.revocation_messages import to_proto
from tests.kit.waiting import until
from tests.unit.servicekit.test_revocations import principal, revocation

Answer = Callable[[], AsyncIterator[pb.WatchRevocationsResponse]]


class Stream:
    """A call's messages."""

    def __init__(self, messages: AsyncIterator[pb.WatchRevocationsResponse]) -> None:
        self._messages = messages
        self.is_cancelled = False

    def __aiter__(self) -> AsyncIterator[pb.WatchRevocationsResponse]:
        return self._messages

    def cancel(self) -> None:
        self.is_cancelled = True


class Feed:
    """A stub whose calls are answered one after the other as scripted; the last answer is for all further calls."""

    def __init__(self, *answers: Answer) -> None:
        self.streams: list[Stream] = []
        self._answers = answers

    def WatchRevocations(self, _request: Any) -> Stream:
        answer = self._answers[min(len(self.streams), len(self._answers) - 1)]
        self.streams.append(Stream(answer()))
        return self.streams[-1]


def told(*messages: pb.WatchRevocationsResponse, then: str = "wait") -> Answer:
    """These messages, and then waiting, an end, or a failure."""

    async def answer() -> AsyncIterator[pb.WatchRevocationsResponse]:
        for message in messages:
            yield message
        if then == "wait":
            await asyncio.Event().wait()
        if then == "fail":
            metadata = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata)

    return answer


def news(*subjects: str, complete: bool = True, current: bool = True) -> pb.WatchRevocationsResponse:
    revocations = [to_proto(revocation(subject=subject, ends_at_s=4_000_000_000)) for subject in subjects]
    return pb.WatchRevocationsResponse(revocations=revocations, complete=complete, current=current)


@asynccontextmanager
async def watching(*answers: Answer, **options: Any) -> AsyncIterator[tuple[RevocationWatch, Feed]]:
    feed = Feed(*answers)
    watch = RevocationWatch(feed, **{"max_outage_s": 60.0, **options})
    async with in_background(watch.keep_watching()):
        yield watch, feed


async def test_nobody_is_let_in_before_everything_was_told() -> None:
    async with watching(told(news("alice", complete=False))) as (watch, _):
        await until(lambda: len(watch.known) == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await watch.ensure_known()
    async with watching(told(news("alice", complete=False), news())) as (watch, _):
        await watch.ensure_known()
        with pytest.raises(ServiceError) as caught:
            watch.known.check(principal())
        assert caught.value.reason is Reason.TOKEN_REVOKED


async def test_who_hears_nothing_at_first_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudwatch_service.revocation_watch._FIRST_TIME_S", 0.02)
    async with watching(told(then="fail")) as (watch, _):
        with pytest.raises(ServiceError) as caught:
            await watch.ensure_known()
        assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("then", ["end", "fail"])
async def test_a_stream_that_ends_is_followed_by_another_and_nothing_is_forgotten(then: str) -> None:
    async with watching(told(news("alice"), then=then), told(news("bob"))) as (watch, feed):
        await until(lambda: len(watch.known) == 2)
        assert len(feed.streams) == 2
        assert feed.streams[0].is_cancelled


async def test_silence_is_taken_for_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudwatch_service.revocation_watch._SILENCE_S", 0.02)
    async with watching(told(news("alice")), told(news("bob"))) as (watch, feed):
        await until(lambda: len(watch.known) == 2)
        assert feed.streams[0].is_cancelled


async def test_a_replica_out_of_touch_is_left_and_after_a_while_nobody_is_let_in() -> None:
    now_s = 0.0
    behind = news("bob", current=False)

    async def out_of_touch() -> AsyncIterator[pb.WatchRevocationsResponse]:
        nonlocal now_s
        yield news("alice")
        await asyncio.sleep(0)
        yield behind
        now_s += 11.0
        yield behind
        pytest.fail("the stream was not left")

    async with watching(out_of_touch, told(behind, behind), monotonic=lambda: now_s) as (watch, feed):
        await until(lambda: len(feed.streams) == 2)
        assert len(watch.known) == 2  # what it tells counts all the same
        await watch.ensure_known()
        now_s = 61.0
        with pytest.raises(ServiceError) as caught:
            await watch.ensure_known()
        assert caught.value.reason is Reason.UNAVAILABLE
