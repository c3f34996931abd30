"""What drawing charts costs everybody else: stalls of an event loop by way of drawing, and the p99 of a light user.

Drawing in a thread is measured for comparison only; the product draws in a process.
"""

import asyncio
import random
import sys
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp_frontend.charts.chart import Chart, Series
from mcp_frontend.charts.worker import chart_worker
from servicekit.background import in_background
from tests.benchmarks.setting import ACCOUNT, Setting, light_block, p50, p99, timed_ms

BLOCKS: Final = 6
CALLS_A_BLOCK: Final = 300
HEAVY = 1
_ROUNDS: Final = 5
_WITHIN_S: Final = 60.0
_START_MS: Final = 1_740_830_400_000
_MINUTE_MS: Final = 60_000
_SHAPES: Final = ((1, 60), (3, 180), (40, 60), (1, 10_080))  # series, points of each
_TICK_S: Final = 0.001
_SWITCH_S: Final = 0.001  # as the services have it


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    lines = ["an event loop beside 20 charts of 1 to 40 series and up to 10,080 points:"]
    lines += [await _stalls("nothing drawn", _draw_nothing)]
    lines += [await _stalls("in a thread", _draw_in_thread)]
    async with chart_worker() as worker:
        lines += [await _stalls("in the drawing process", lambda chart: worker.draw(chart, _WITHIN_S))]
    return lines + await _compare(setting)


async def _stalls(name: str, draw: Callable[[Chart], Awaitable[Any]]) -> str:
    before, late_ms = sys.getswitchinterval(), list[float]()
    sys.setswitchinterval(_SWITCH_S)
    try:
        async with in_background(_tick(late_ms)):
            first_ms = await timed_ms(lambda: draw(_chart(1, 60)))
            at_first_ms = max(late_ms)
            late_ms.clear()
            each_ms = [await timed_ms(lambda shape=shape: draw(_chart(*shape))) for shape in _SHAPES * _ROUNDS]
    finally:
        sys.setswitchinterval(before)
    return (
        f"  {name}: {p50(each_ms):.0f} ms a chart (the first {first_ms:.0f} ms), loop late by {p99(late_ms):.1f} ms "
        f"(p99), {max(late_ms):.1f} ms at most, {at_first_ms:.1f} ms at the first"
    )


async def _tick(late_ms: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        late_ms.append((time.perf_counter() - begun - _TICK_S) * 1e3)


def _chart(count: int, points: int) -> Chart:
    noise = random.Random(count)  # noqa: S311 - a picture
    times_ms = array("q", range(_START_MS, _START_MS + points * _MINUTE_MS, _MINUTE_MS))
    series = (
        Series(f"series {n}", times_ms, array("d", (noise.random() for _ in range(points))), 60) for n in range(count)
    )
    return Chart("a title", "a subtitle", "Average", _START_MS, _START_MS + points * _MINUTE_MS, tuple(series))


async def _draw_nothing(chart: Chart) -> None:
    await asyncio.sleep(0.15)


async def _draw_in_thread(chart: Chart) -> None:
    def draw_here() -> bytes:
        from mcp_frontend.charts.drawing import draw

        return draw(chart)

    await asyncio.to_thread(draw_here)


async def _compare(setting: Setting) -> list[str]:
    """A light user alone, beside somebody who asks for metrics, and beside somebody who asks for charts of them."""
    alone, plain, charted = list[float](), list[float](), list[float]()
    asked, drawn = list[float](), list[float]()
    for _ in range(BLOCKS):
        alone += await light_block(setting, CALLS_A_BLOCK)
        async with _asking(setting, asked, chart=False):
            plain += await light_block(setting, CALLS_A_BLOCK)
        async with _asking(setting, drawn, chart=True):
            charted += await light_block(setting, CALLS_A_BLOCK)
    return [
        f"light user, p99 of {len(alone)}: {p99(charted):.1f} ms beside charts, "
        f"{p99(plain):.1f} ms beside the same answers without, {p99(alone):.1f} ms alone",
        f"  p50: {p50(charted):.1f} ms, {p50(plain):.1f} ms, {p50(alone):.1f} ms",
        f"  {len(drawn)} charts of {p50(drawn):.0f} ms, {len(asked)} answers without of {p50(asked):.0f} ms",
    ]


@asynccontextmanager
async def _asking(setting: Setting, took_ms: list[float], *, chart: bool) -> AsyncIterator[None]:
    """One question after the other while open."""
    arguments = {
        "namespace": "AWS/EC2",
        "metric_name": "CPUUtilization",
        "dimensions": [{"name": "InstanceId", "value": f"i-{ACCOUNT}-1"}],
        "chart": chart,
    }
    token = setting.token(HEAVY)

    async def ask() -> None:
        while True:
            took_ms.append(await timed_ms(lambda: setting.ask(token, "get_metric_data", arguments)))

    async with in_background(ask()):
        yield
