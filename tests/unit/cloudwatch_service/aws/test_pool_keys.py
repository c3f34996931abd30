"""The pool's keys: how long they are trusted, and when others are asked for."""

import asyncio

import pytest

from servicekit.errors import ABOUT_THE_SIGN_IN, Reason, ServiceError
from servicekit.identity import acting_for
from tests.kit.pool_setup import PoolSetup, principal


async def test_keys_are_confirmed_every_minute_so_that_a_changed_policy_counts() -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.clock.now_s += 59
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 2
    setup.source.error = ServiceError(Reason.ACCESS_NONE, "no longer")
    with pytest.raises(ServiceError, match="no longer"):
        await setup.keys("alice")


async def test_a_refusal_ends_what_was_held_even_when_the_next_answer_is_an_outage() -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    for error in (ServiceError(Reason.ROLE_REFUSED, "refused"), ServiceError(Reason.UNAVAILABLE, "down")):
        setup.source.error = error
        with pytest.raises(ServiceError, match=error.message):
            await setup.keys("alice")


@pytest.mark.parametrize(
    "reason", [Reason.UNAVAILABLE, Reason.AWS_UNAVAILABLE, Reason.ISSUER_UNAVAILABLE, Reason.DEADLINE_EXCEEDED]
)
async def test_during_an_outage_confirmed_keys_serve_for_five_minutes(reason: Reason) -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.source.error = ServiceError(reason, "down")
    setup.clock.now_s += 299
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 2
    with pytest.raises(ServiceError, match="down"):
        await setup.keys("alice")


async def test_during_an_outage_who_has_confirmed_keys_does_not_wait_for_it_each_time() -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    setup.source.error = ServiceError(Reason.TOO_MANY_CALLS, "busy")
    asked = []
    for passed_s in (0, 4, 2):
        setup.clock.now_s += passed_s
        assert await setup.keys("alice") == "AK-u-alice-1"
        asked.append(len(setup.source.asked))
    assert asked == [2, 2, 3]


@pytest.mark.parametrize("reason", sorted(ABOUT_THE_SIGN_IN))
async def test_an_assertion_or_token_that_has_ended_says_nothing_about_the_users_keys(reason: Reason) -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    for error in (ServiceError(reason, "expired"), ServiceError(Reason.UNAVAILABLE, "down")):
        setup.source.error = error
        if error.reason is reason:
            with pytest.raises(ServiceError, match="expired"):
                await setup.keys("alice")
        else:
            assert await setup.keys("alice") == "AK-u-alice-1"


@pytest.mark.parametrize("reason", [Reason.ASSERTION_INVALID, Reason.TOKEN_EXPIRED, Reason.WEB_IDENTITY_REFUSED])
async def test_one_whose_sign_in_has_ended_does_not_fail_others_of_the_same_user(reason: Reason) -> None:
    setup = PoolSetup()
    setup.source.gate = asyncio.Event()
    expired = asyncio.create_task(setup.keys("alice"))
    await setup.source.was_asked.wait()
    setup.source.error = ServiceError(reason, "expired")
    others = [asyncio.create_task(setup.keys("alice")) for _ in range(3)]
    await asyncio.sleep(0)
    setup.source.was_asked.clear()
    setup.source.gate.set()
    with pytest.raises(ServiceError, match="expired"):
        await expired
    setup.source.error = None
    assert set(await asyncio.gather(*others)) == {"AK-u-alice-2"}


async def test_keys_in_their_last_minute_are_replaced() -> None:
    setup = PoolSetup(confirm_after_s=10_000.0)
    setup.source.lifetime_s = 600
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 541
    assert await setup.keys("alice") == "AK-u-alice-2"


async def test_discarded_keys_are_replaced_unless_they_were_already() -> None:
    setup = PoolSetup()
    with acting_for(principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            session._keys.discard(refused)
            fresh = await session._keys.current()
            session._keys.discard(refused)
            assert await session._keys.current() is fresh
    assert setup.source.refused == ["", "AK-u-alice-1"]


async def test_keys_refused_after_they_were_confirmed_anew_are_discarded_too() -> None:
    setup = PoolSetup()
    with acting_for(principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            setup.source.reissued = refused.keys
            setup.clock.now_s += 61
            confirmed = await session._keys.current()
            assert confirmed is not refused
            setup.source.reissued = None
            session._keys.discard(refused)
            assert (await session._keys.current()).access_key_id == "AK-u-alice-3"
    assert setup.source.refused[-1] == refused.access_key_id


async def test_keys_asked_for_before_the_refusal_are_not_taken() -> None:
    setup = PoolSetup()
    with acting_for(principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            setup.clock.now_s += 61
            setup.source.gate, setup.source.reissued = asyncio.Event(), refused.keys
            setup.source.was_asked.clear()
            confirming = asyncio.create_task(session._keys.current())
            await setup.source.was_asked.wait()
            setup.source.reissued = None
            session._keys.discard(refused)
            fresh = asyncio.create_task(session._keys.current())
            await asyncio.sleep(0)
            setup.source.gate.set()
            assert (await confirming).access_key_id == refused.access_key_id
            assert (await fresh).access_key_id != refused.access_key_id
            assert await session._keys.current() is await fresh
