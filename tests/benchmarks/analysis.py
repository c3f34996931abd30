"""How long the analysis of two weeks of minutes takes, and how long the event loop stands still beside it.

In this process, as in the service: in a thread, with the service's switch interval.
"""

import asyncio
import sys
import time

from cloudwatch_service.domain.analysis.summary import analyze
from tests.benchmarks.setting import Setting, p50
from tests.kit.series import DAY_S, WEEK_S, line, noise, times, walk, wave

RUNS = 20
THREAD_SWITCH_S = 0.001
TICK_S = 0.001


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    at = times()
    series = {
        "a day's season": wave(at, DAY_S) + noise(at, 0.3),
        "a week's season on a trend": wave(at, WEEK_S) + line(at, 3) + noise(at, 0.3),
        "noise": noise(at, 1),
        "a random walk": walk(at, 1),
    }
    kept_s = sys.getswitchinterval()
    sys.setswitchinterval(THREAD_SWITCH_S)
    try:
        return [await _measure(name, (at * 1_000).tolist(), values.tolist()) for name, values in series.items()]
    finally:
        sys.setswitchinterval(kept_s)


async def _measure(name: str, times_ms: list[int], values: list[float]) -> str:
    wall_s, cpu_s, stalls_s = [], [], []
    for _ in range(RUNS):
        ticking = asyncio.create_task(_longest_stall_s())
        await asyncio.sleep(0)
        began_s = time.perf_counter()
        cpu_s.append(await asyncio.to_thread(_cpu_s, times_ms, values))
        wall_s.append(time.perf_counter() - began_s)
        ticking.cancel()
        stalls_s.append(await ticking)
    stalled = f"{p50(stalls_s) * 1e3:.1f} ms, {max(stalls_s) * 1e3:.1f} at most"
    return (
        f"analysis of {len(values)} points, {name}: {p50(wall_s) * 1e3:.0f} ms, {p50(cpu_s) * 1e3:.0f} ms of CPU "
        f"(p50 of {RUNS}); the event loop stood still for {stalled}"
    )


def _cpu_s(times_ms: list[int], values: list[float]) -> float:
    began_s = time.thread_time()
    analyze(times_ms, values)
    return time.thread_time() - began_s


async def _longest_stall_s() -> float:
    """Until it is cancelled: the longest time beyond a tick."""
    longest_s = 0.0
    try:
        while True:
            began_s = time.perf_counter()
            await asyncio.sleep(TICK_S)
            longest_s = max(longest_s, time.perf_counter() - began_s - TICK_S)
    except asyncio.CancelledError:
        return longest_s
