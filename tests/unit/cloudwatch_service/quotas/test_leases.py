"""Places in this process: all or none, given back once, waited for no longer than one may."""

import asyncio

import pytest

from cloudwatch_service.quotas.leases import LocalLeases, NoPlaceLeft, Place, held


async def test_no_more_places_are_given_than_there_are() -> None:
    leases = LocalLeases()
    first = await leases.take([Place("a", 2)])
    await leases.take([Place("a", 2)])
    with pytest.raises(NoPlaceLeft) as none:
        await leases.take([Place("a", 2)])
    assert none.value.place == Place("a", 2)
    await leases.give_back(first)
    await leases.give_back(first)  # once more changes nothing
    await leases.take([Place("a", 2)])
    with pytest.raises(NoPlaceLeft):
        await leases.take([Place("a", 2)])


async def test_all_are_taken_or_none() -> None:
    leases = LocalLeases()
    await leases.take([Place("full", 1)])
    with pytest.raises(NoPlaceLeft) as none:
        await leases.take([Place("free", 1), Place("full", 1)])
    assert none.value.place.key == "full"
    await leases.take([Place("free", 1)])
    assert len(leases) == 2


async def test_a_place_that_comes_free_in_time_is_waited_for() -> None:
    leases = LocalLeases()
    lease_id = await leases.take([Place("a", 1)])
    asyncio.get_running_loop().call_later(0.05, lambda: leases.forget(lease_id))
    async with held(leases, [Place("a", 1)], wait_s=10):
        assert len(leases) == 1
    assert len(leases) == 0


async def test_nobody_waits_longer_than_said() -> None:
    leases = LocalLeases()
    async with held(leases, [Place("a", 1)]):
        with pytest.raises(NoPlaceLeft):
            await held(leases, [Place("a", 1)], wait_s=0.05).__aenter__()
