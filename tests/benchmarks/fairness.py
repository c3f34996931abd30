"""p99 of a user with one call at a time, alone and beside one with 200; with turns and without, blocks alternate."""

import statistics
from pathlib import Path
from typing import Final

from tests.benchmarks.setting import (
    CALL,
    UNLIMITED_RATE,
    UNLIMITED_REQUESTS,
    Setting,
    crowd,
    light_block,
    other_services,
    p99,
)

BLOCKS = 4
CALLS_A_BLOCK = 60
HEAVY, AT_A_TIME = 1, 200
_WITHOUT: Final = {
    "mcp_frontend": {
        **UNLIMITED_REQUESTS,
        "FRONTEND_MAX_RUNNING_CALLS": "0",
        "FRONTEND_MAX_RUNNING_CALLS_PER_USER": "0",
        "FRONTEND_MAX_WAITING_CALLS_PER_USER": "0",
    },
    "cloudwatch_service": {**UNLIMITED_RATE, "CLOUDWATCH_MAX_CALLS_AT_A_TIME_PER_USER": "0"},
}
_WITH: Final = {"cloudwatch_service": UNLIMITED_RATE, "mcp_frontend": UNLIMITED_REQUESTS}
_AS_SHIPPED: Final[dict[str, dict[str, str]]] = {}


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    lines = [f"a user with one call at a time beside one with {AT_A_TIME}:"]
    for name, overrides in (("without turns", _WITHOUT), ("with turns", _WITH), ("as shipped", _AS_SHIPPED)):
        async with other_services(setting, overrides) as other:
            lines.append(f"  {name}: {await _compare(other)}")
    return lines


async def _compare(setting: Setting) -> str:
    alone: list[float] = []
    beside: list[float] = []
    heavy: dict[str, int] = {}
    await light_block(setting, 10)
    for number in range(BLOCKS):
        alone += await light_block(setting, CALLS_A_BLOCK // 2)
        log_file = Path(setting.deployment.directory) / f"crowd-{number}.log"
        wanted = {
            "tokens": [setting.token(HEAVY)],
            "message": {**CALL, "params": {"name": "get_active_alarms", "arguments": {}}},
            "at_a_time": AT_A_TIME,
        }
        async with crowd(setting, log_file, **wanted) as answered:
            beside += await light_block(setting, CALLS_A_BLOCK // 2)
        heavy = {status: heavy.get(status, 0) + answered.get(status, 0) for status in {*heavy, *answered}}
    return (
        f"p99 {p99(beside):.0f} ms, alone {p99(alone):.0f} ms; p50 {statistics.median(beside):.0f} ms, alone "
        f"{statistics.median(alone):.0f} ms; the other was answered {heavy}"
    )
