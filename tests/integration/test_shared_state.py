"""Shared state over a real Redis: TLS and password from files, deadlines, outages, subscriptions."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servicekit.lifecycle import ConfigurationError
from servicekit.shared_state import SharedState, SharedStateUnavailable, check_files, open_shared_state
from servicekit.shared_state_address import SharedStateAddress
from tests.kit.redis_server import RedisServer, redis_server
from tests.kit.tls import CertificateAuthority
from tests.kit.waiting import until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as running:
        yield running


@pytest.fixture
async def state(server: RedisServer) -> AsyncIterator[SharedState]:
    async with open_shared_state(SharedStateAddress(server.url)) as opened:
        assert opened is not None
        yield opened


async def test_without_an_address_there_is_none() -> None:
    async with open_shared_state(None) as opened:
        assert opened is None


async def test_commands_are_answered_and_keys_have_the_prefix(state: SharedState) -> None:
    assert state.key("revocations", "set") == "cwmcp:revocations:set"
    await state.run(lambda redis: redis.set(state.key("a"), "1"))
    assert await state.run(lambda redis: redis.get("cwmcp:a")) == b"1"


async def test_an_outage_is_told_at_once_and_its_end_is_noticed(
    server: RedisServer, state: SharedState, caplog: pytest.LogCaptureFixture
) -> None:
    await server.kill()
    for _ in range(20):
        with pytest.raises(SharedStateUnavailable):
            await state.run(lambda redis: redis.ping())
    assert not state.is_reachable
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    await server.go_up()
    await until(lambda: state.is_reachable)
    assert await state.run(lambda redis: redis.ping())


async def test_a_server_that_hangs_costs_no_more_than_the_deadline(server: RedisServer, state: SharedState) -> None:
    with pytest.raises(SharedStateUnavailable):
        await state.run(lambda redis: redis.blpop(["nothing"], timeout=5), timeout_s=0.05)
    await until(lambda: state.is_reachable)
    assert await state.run(lambda redis: redis.get("nothing")) is None  # and not what was meant for the first


async def test_a_start_without_the_server_waits_for_nothing(server: RedisServer) -> None:
    await server.kill()
    async with open_shared_state(SharedStateAddress(server.url)) as state:
        assert state is not None
        await until(lambda: not state.is_reachable)
        await server.go_up()
        await until(lambda: state.is_reachable)


async def test_messages_arrive_until_the_server_goes(server: RedisServer, state: SharedState) -> None:
    async with state.subscribed("news") as messages:
        await state.run(lambda redis: redis.publish("news", "one"))
        assert await anext(messages) == b"one"
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        await server.kill()
        with pytest.raises(SharedStateUnavailable):
            await waiting
    with pytest.raises(SharedStateUnavailable):
        async with state.subscribed("news"):
            pass


async def test_tls_and_password_come_from_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = CertificateAuthority(tmp_path)
    password_file = tmp_path / "password"
    password_file.write_text("correct-horse\n")
    async with redis_server(tmp_path, password="correct-horse", authority=authority) as server:
        address = SharedStateAddress(server.url, password_file, authority.ca_file)
        async with open_shared_state(address) as state:
            assert state is not None
            assert await state.run(lambda redis: redis.ping())
            assert "correct-horse" not in repr(state.redis) + repr(address)
        (tmp_path / "other").mkdir()
        foreign = CertificateAuthority(tmp_path / "other")
        password_file.write_text("wrong")
        for wrong in (
            SharedStateAddress(server.url, None, authority.ca_file),
            address,
            SharedStateAddress(server.url, password_file, foreign.ca_file),
            SharedStateAddress(server.url, password_file),
            SharedStateAddress(server.url.replace("rediss", "redis"), password_file),
        ):
            async with open_shared_state(wrong) as state:
                assert state is not None
                with pytest.raises(SharedStateUnavailable):
                    await state.run(lambda redis: redis.ping())
    assert "correct-horse" not in caplog.text
    assert "wrong" not in caplog.text


def test_files_are_checked(tmp_path: Path) -> None:
    check_files(None)
    with pytest.raises(ConfigurationError, match="nowhere"):
        check_files(SharedStateAddress("rediss://redis:6379", tmp_path / "nowhere"))
