"""Slots for queries in this process."""

import asyncio

import pytest

from cloudwatch_service.quotas.query_slots import QuerySlots, SlotLimits
from servicekit.errors import Reason, ServiceError

HERE = ("111122223333", "eu-west-1")


async def _refusal(slots: QuerySlots, user: str) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await slots.slot(HERE, user, 0).__aenter__()
    assert refused.value.reason is Reason.QUERY_SLOTS_TAKEN
    assert refused.value.retry_after_s is not None and 5 <= refused.value.retry_after_s <= 10
    return refused.value


async def test_the_account_and_the_user_have_their_own_limits_per_region() -> None:
    slots = QuerySlots(SlotLimits(of_account=3, of_user=2))
    async with slots.slot(HERE, "a", 0), slots.slot(HERE, "a", 0):
        assert (await _refusal(slots, "a")).details == {"limit": "2", "scope": "user"}
        async with slots.slot(HERE, "b", 0):
            assert (await _refusal(slots, "c")).details == {"limit": "3", "scope": "account"}
            async with slots.slot((HERE[0], "us-east-1"), "a", 0), slots.slot(("999988887777", HERE[1]), "a", 0):
                assert len(slots) == 3
        async with slots.slot(HERE, "c", 0):
            pass
    async with slots.slot(HERE, "a", 0):
        assert len(slots) == 1  # places that nobody uses are forgotten


async def test_who_waits_gets_the_next_slot_behind_no_more_than_one_of_each_other_user() -> None:
    slots = QuerySlots(SlotLimits(of_account=1))
    order: list[str] = []

    async def query(user: str) -> None:
        async with slots.slot(HERE, user, 10):
            order.append(user)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for user in ("heavy", "heavy", "heavy", "light"):
            group.create_task(query(user))
    assert order == ["heavy", "heavy", "light", "heavy"]


async def test_0_is_no_limit() -> None:
    slots = QuerySlots(SlotLimits())
    for _ in range(100):
        await slots.slot(HERE, "a", 0).__aenter__()
