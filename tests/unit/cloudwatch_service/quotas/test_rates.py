"""Rates in this process."""

from cloudwatch_service.quotas.rates import LocalRates


async def test_what_is_too_much_is_told_when_it_is_in_time() -> None:
    rates = LocalRates(per_minute=3)
    assert [await rates.take("alice") for _ in range(3)] == [0, 0, 0]
    wait_s = await rates.take("alice")
    assert 19 < wait_s <= 20
    assert await rates.take("alice") <= wait_s  # what was refused does not count
    assert await rates.take("bob") == 0
