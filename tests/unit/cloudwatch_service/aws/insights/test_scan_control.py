"""Which queries may run, what they are counted with, and what is recorded of them."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudwatch_service.aws.insights.queries import Pace, run_query
from cloudwatch_service.aws.insights.scan_control import ScanControl
from cloudwatch_service.domain.insights.queries import InsightsQuery
from cloudwatch_service.domain.insights.scan_limits import ScanLimits
from servicekit.errors import Reason, ServiceError
from servicekit.telemetry import attributes
from tests.kit.fake_session import FakeSession, denied
from tests.kit.pool_setup import SettableClock
from tests.kit.spans import recorded_spans

NOW_S = datetime(2026, 11, 24, 18, tzinfo=UTC).timestamp()
ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:"
QUERY = InsightsQuery(("/app",), False, int(NOW_S) - 86_400, int(NOW_S), "fields secret | limit 1", None)
GROUP = {
    "logGroupName": "/app",
    "logGroupArn": f"{ARN}/app",
    "storedBytes": 1_000,
    "creationTime": int((NOW_S - 10 * 86_400) * 1_000),
}
GROUPS = {"logGroups": [GROUP]}
STARTED, STOPPED = {"queryId": "q1"}, {"success": True}


def _state(status: str, scanned: float | None = None) -> dict[str, Any]:
    statistics = {} if scanned is None else {"statistics": {"bytesScanned": scanned}}
    return {"status": status, "results": [], **statistics}


class Setup:
    """Limits, a clock, and sessions of users that share them."""

    def __init__(self, per_day: int = 0, per_query: int = 0) -> None:
        self.clock = SettableClock()
        self.clock.now_s = NOW_S
        self.control = ScanControl(ScanLimits(per_day, per_query), clock=self.clock)

    def session(self, user: str = "alice", **answers: list[Any]) -> FakeSession:
        return FakeSession(answers, user_id=f"u-{user}", scan_control=self.control)

    async def run(self, session: FakeSession, query: InsightsQuery = QUERY, timeout_s: float = 30) -> None:
        async for _ in run_query(session, query, timeout_s, _pace()):
            pass

    async def scan(self, count: float, user: str = "alice") -> FakeSession:
        """Run a query that scans so many bytes, without an estimate."""
        session = self.session(
            user,
            describe_log_groups=[denied("DescribeLogGroups")],
            start_query=[STARTED],
            get_query_results=[_state("Complete", count)],
        )
        await self.run(session, replace(QUERY, log_groups=(f"/{user}",)))
        return session


def _pace() -> Pace:
    now_s = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    return Pace(clock=lambda: now_s, sleep=sleep)


async def _refusal(setup: Setup, session: FakeSession, query: InsightsQuery = QUERY) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await setup.run(session, query)
    assert caught.value.reason is Reason.SCAN_LIMIT_EXCEEDED
    assert session.calls_of("start_query") == []
    return caught.value


async def test_without_limits_aws_is_asked_nothing_more() -> None:
    setup = Setup()
    session = setup.session(start_query=[STARTED], get_query_results=[_state("Complete")])
    await setup.run(session)
    assert session.calls_of("describe_log_groups") == []


async def test_query_over_its_estimate_is_not_started() -> None:
    setup = Setup(per_query=99)
    refusal = await _refusal(setup, setup.session(describe_log_groups=[GROUPS]))
    assert "about 100 bytes" in refusal.message


async def test_what_is_known_of_groups_is_kept_for_a_while_per_user_account_and_region() -> None:
    setup = Setup(per_query=99)
    await _refusal(setup, setup.session(describe_log_groups=[GROUPS]))
    await _refusal(setup, setup.session())
    await _refusal(setup, setup.session("bob", describe_log_groups=[GROUPS]))
    elsewhere = setup.session(describe_log_groups=[{"logGroups": [{**GROUP, "logGroupArn": ""}]}])
    elsewhere.region = "us-east-1"
    await _refusal(setup, elsewhere)
    setup.clock.now_s += 901
    later = setup.session(describe_log_groups=[GROUPS])
    await _refusal(setup, later)
    assert len(later.calls) == 1


async def test_own_arns_are_asked_by_name_and_foreign_ones_through_linked_accounts() -> None:
    setup = Setup(per_query=99)
    own, foreign = f"{ARN}/app", "arn:aws:logs:eu-west-1:999988887777:log-group:/app"
    session = setup.session(
        describe_log_groups=[{"logGroups": [GROUP, {**GROUP, "logGroupArn": foreign, "storedBytes": 3_000}]}]
    )
    refusal = await _refusal(setup, session, replace(QUERY, log_groups=(own, foreign), by_identifier=True))
    assert session.parameters_of("describe_log_groups") == [
        {"logGroupIdentifiers": ["/app", foreign], "limit": 2, "includeLinkedAccounts": True}
    ]
    assert "about 400 bytes" in refusal.message


@pytest.mark.parametrize("reason", [Reason.AWS_ACCESS_DENIED, Reason.AWS_UNAVAILABLE, Reason.DEADLINE_EXCEEDED])
async def test_where_sizes_cannot_be_read_the_query_runs(reason: Reason) -> None:
    setup = Setup(per_day=1_000, per_query=1)
    failure = ServiceError(reason, "no")
    for n in range(2):
        session = setup.session(
            describe_log_groups=[failure], start_query=[STARTED], get_query_results=[_state("Complete", 10)]
        )
        await setup.run(session)
        asked_again = n == 1 and reason is not Reason.AWS_ACCESS_DENIED
        assert len(session.calls_of("describe_log_groups")) == (1 if n == 0 or asked_again else 0)


async def test_the_day_is_used_up_over_accounts_and_starts_anew() -> None:
    setup = Setup(per_day=1_000)
    other = await setup.scan(600)
    other.account = replace(other.account, account_id="999988887777")
    await setup.scan(600)
    refusal = await _refusal(setup, setup.session(describe_log_groups=[{"logGroups": []}]))
    assert "scanned 1.2 kB" in refusal.message
    await setup.scan(1, user="bob")
    setup.clock.now_s += 6 * 3_600
    await setup.scan(1)


async def test_running_queries_hold_their_estimates() -> None:
    setup = Setup(per_day=150)
    first = setup.session(
        describe_log_groups=[GROUPS], start_query=[STARTED], get_query_results=[_state("Running")], stop_query=[STOPPED]
    )
    async with aclosing(run_query(first, QUERY, 30, _pace())) as steps:
        await anext(steps)
        refusal = await _refusal(setup, setup.session())
        assert "about 100 bytes more" in refusal.message
    second = setup.session(start_query=[STARTED], get_query_results=[_state("Complete", 60)])
    await setup.run(second)  # the first has ended and is counted by what it scanned
    await _refusal(setup, setup.session())


async def test_what_a_running_query_scans_beyond_its_estimate_counts_at_once() -> None:
    setup = Setup(per_day=1_000)
    first = setup.session(
        describe_log_groups=[GROUPS],
        start_query=[STARTED],
        get_query_results=[_state("Running", 5_000)],
        stop_query=[STOPPED],
    )
    async with aclosing(run_query(first, QUERY, 30, _pace())) as steps:
        for _ in range(2):
            await anext(steps)
        await _refusal(setup, setup.session())
    await _refusal(setup, setup.session())


async def test_a_refused_start_costs_nothing() -> None:
    setup = Setup(per_day=150)
    for _ in range(2):
        session = setup.session(describe_log_groups=[GROUPS], start_query=[denied("StartQuery")])
        with pytest.raises(ServiceError, match="AWS refused StartQuery"):
            await setup.run(session)


ENDS: dict[str, tuple[list[Any], float, str, int]] = {
    "complete": ([_state("Running", 10), _state("Complete", 70)], 30, "Complete", 70),
    "failed": ([_state("Running", 10), _state("Failed")], 30, "Failed", 10),
    "timed out": ([_state("Running", 40)], 0, "TimedOut", 40),
    "poll failed": ([_state("Running", 40), ServiceError(Reason.AWS_UNAVAILABLE, "x")], 30, "Stopped", 40),
    "never polled": ([ServiceError(Reason.AWS_UNAVAILABLE, "x")], 30, "Stopped", 0),
}


async def test_an_unexpected_failure_of_stopping_holds_nothing_back() -> None:
    setup = Setup(per_day=250)
    session = setup.session(
        describe_log_groups=[GROUPS],
        start_query=[STARTED],
        get_query_results=[_state("Running", 10)],
        stop_query=[RuntimeError("a defect")],
    )
    running = run_query(session, QUERY, 30, _pace())
    await anext(running)
    with pytest.raises(RuntimeError):
        await running.aclose()
    for _ in range(2):  # each holds 100 bytes; the one before must hold none of them any more
        await setup.run(
            setup.session(
                describe_log_groups=[GROUPS], start_query=[STARTED], get_query_results=[_state("Complete", 100)]
            )
        )


@pytest.mark.parametrize("end", ENDS)
async def test_every_query_is_recorded_once_without_its_text(end: str, caplog: pytest.LogCaptureFixture) -> None:
    states, timeout_s, status, scanned = ENDS[end]
    setup = Setup(per_day=10_000)
    session = setup.session(
        describe_log_groups=[GROUPS], start_query=[STARTED], get_query_results=states, stop_query=[STOPPED]
    )
    caplog.set_level(logging.INFO)
    with recorded_spans() as spans:
        try:
            await setup.run(session, timeout_s=timeout_s)
        except ServiceError as error:
            assert error.message == "x"
    [record] = [record for record in caplog.records if hasattr(record, "facts")]
    assert record.facts == {
        "user_id": "u-alice",
        "account_id": "111122223333",
        "account": "prod",
        "region": "eu-west-1",
        "query_id": "q1",
        "status": status,
        "bytes_scanned": scanned,
    }
    assert "secret" not in caplog.text
    [span] = [span for span in spans.all() if span.name == "logs insights query"]
    assert span.attributes is not None
    assert span.attributes[attributes.INSIGHTS_BYTES_SCANNED] == scanned
    assert span.attributes[attributes.INSIGHTS_QUERY_STATUS] == status
    assert "secret" not in str(dict(span.attributes))


async def test_a_query_cancelled_while_it_starts_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    asked, opened = asyncio.Event(), asyncio.Event()

    async def start(_: Mapping[str, Any]) -> dict[str, Any]:
        asked.set()
        await opened.wait()
        return STARTED

    caplog.set_level(logging.INFO)
    setup = Setup()
    call = asyncio.create_task(setup.run(setup.session(start_query=[start], stop_query=[STOPPED])))
    await asked.wait()
    call.cancel()
    opened.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    [facts] = [record.facts for record in caplog.records if hasattr(record, "facts")]
    assert (facts["query_id"], facts["status"]) == ("q1", "Stopped")


async def test_a_query_that_chooses_by_prefix_is_estimated_by_them() -> None:
    setup = Setup(per_query=99)
    query = replace(QUERY, log_groups=(), source_prefixes=("/a", "/b"))
    both = [{"logGroups": [GROUP, GROUP]}, {"logGroups": [GROUP]}]
    session = setup.session(describe_log_groups=both)
    assert "about 300 bytes" in (await _refusal(setup, session, query)).message
    assert [asked.get("logGroupNamePrefix") for asked in session.parameters_of("describe_log_groups")] == ["/a", "/b"]
    assert "about 300 bytes" in (await _refusal(setup, setup.session(), query)).message
