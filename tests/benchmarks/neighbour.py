"""p99 of a light user alone and beside somebody who pulls 100,800 points again and again; blocks of both alternate."""

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from servicekit.background import in_background
from tests.benchmarks.setting import ACCOUNT, Setting, light_block, p99, timed_ms

BLOCKS = 6
CALLS_A_BLOCK = 300
HEAVY = 1
_SERIES: Final = 5
_SPAN: Final = timedelta(minutes=100_800 // _SERIES)


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    lines = []
    for name, queries in (("metric math", _expressions()), ("plain metrics", _metrics())):
        lines += await _compare(setting, name, queries)
    return lines


async def _compare(setting: Setting, name: str, queries: list[dict[str, Any]]) -> list[str]:
    alone: list[float] = []
    beside: list[float] = []
    pulled: list[float] = []
    for _ in range(BLOCKS):
        alone += await light_block(setting, CALLS_A_BLOCK)
        async with _pulling(setting, queries, pulled):
            beside += await light_block(setting, CALLS_A_BLOCK)
    pull_ms, ratio = statistics.median(pulled), p99(beside) / p99(alone)
    return [
        f"light user beside 100,800 points of {name}, pulled {len(pulled)} times, {pull_ms:.0f} ms each:",
        f"  p99 of {len(beside)}: {p99(beside):.1f} ms, alone {p99(alone):.1f} ms, ratio {ratio:.1f} (goal: 3)",
        f"  p50: {statistics.median(beside):.1f} ms, alone {statistics.median(alone):.1f} ms",
    ]


@asynccontextmanager
async def _pulling(setting: Setting, queries: list[dict[str, Any]], pulled: list[float]) -> AsyncIterator[None]:
    """Pull while open."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    arguments = {"start_time": (end - _SPAN).isoformat(), "end_time": end.isoformat(), "queries": queries}
    token = setting.token(HEAVY)

    async def pull() -> None:
        while True:
            pulled.append(await timed_ms(lambda: setting.ask(token, "get_metric_data", arguments)))

    async with in_background(pull()):
        yield


def _metrics() -> list[dict[str, Any]]:
    dimensions = [{"name": "InstanceId", "value": f"i-{ACCOUNT}-1"}]
    stat = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "dimensions": dimensions, "statistic": "Average"}
    return [{"id": f"m{n}", "period": 60, "metric_stat": stat} for n in range(_SERIES)]


def _expressions() -> list[dict[str, Any]]:
    return [{"id": f"e{n}", "period": 60, "expression": f"TIME_SERIES({n})"} for n in range(_SERIES)]
