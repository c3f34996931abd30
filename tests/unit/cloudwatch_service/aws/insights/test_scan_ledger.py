"""The count of bytes scanned by user and day."""

from datetime import date

from cloudwatch_service.aws.insights.scan_ledger import InMemoryScanLedger

TODAY, TOMORROW = date(2026, 11, 24), date(2026, 11, 25)


async def test_counts_by_user_and_day() -> None:
    ledger = InMemoryScanLedger(max_users=10)
    assert await ledger.add("alice", TODAY, 5) == 5
    assert await ledger.add("alice", TODAY, 2) == 7
    assert await ledger.add("alice", TODAY, -3) == 4
    assert await ledger.add("bob", TODAY, 0) == 0
    assert await ledger.add("alice", TOMORROW, 0) == 0
    assert await ledger.add("alice", TODAY, 0) == 4


async def test_never_below_nothing_and_nothing_takes_no_room() -> None:
    ledger = InMemoryScanLedger(max_users=10)
    await ledger.add("alice", TODAY, 5)
    assert await ledger.add("alice", TODAY, -9) == 0
    assert len(ledger) == 0


async def test_is_bounded_and_forgets_who_longest_had_no_query() -> None:
    ledger = InMemoryScanLedger(max_users=2)
    for user in ("alice", "bob"):
        await ledger.add(user, TODAY, 1)
    await ledger.add("alice", TODAY, 1)
    await ledger.add("carol", TODAY, 1)
    assert len(ledger) == 2
    assert await ledger.add("alice", TODAY, 0) == 2
    assert await ledger.add("bob", TODAY, 0) == 0
