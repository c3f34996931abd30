"""How long each service takes from its start to accepting connections."""

import time

from tests.benchmarks.setting import Setting, p50
from tests.kit.ports import free_ports
from tests.kit.services import SERVICES

RUNS = 5


async def measure(setting: Setting) -> list[str]:
    """Lines for people. Starts second instances beside those that run, at ports of their own."""
    deployment = setting.deployment
    kept = deployment.auth_port, deployment.cloudwatch_port, deployment.mcp_port
    lines = []
    for service in SERVICES:
        measured = []
        for _ in range(RUNS):
            deployment.auth_port, deployment.cloudwatch_port, deployment.mcp_port = free_ports(3)
            begun_s = time.perf_counter()
            async with deployment.start(service):
                measured.append(time.perf_counter() - begun_s)
        lines.append(f"{service} accepts connections after {p50(measured):.2f} s (goal: at most 1.5; p50 of {RUNS})")
    deployment.auth_port, deployment.cloudwatch_port, deployment.mcp_port = kept
    return lines
