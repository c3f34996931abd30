"""p50 of one authenticated get_active_alarms against its floor; each round measures all, so that noise is shared."""

from contextlib import AsyncExitStack
from typing import Any

import aioboto3
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit.grpc_client import connected
from tests.benchmarks.setting import CALL, Setting, in_flight, p50, timed_ms

ROUNDS = 400
WARM_UP_ROUNDS = 50
THROUGHPUT_CALLS = 1_600
IN_FLIGHT, USERS = 16, 8


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(
            connected(f"127.0.0.1:{setting.floor['grpc_port']}", "auth-service", setting.deployment.tls("mcp-frontend"))
        )
        aws = await stack.enter_async_context(
            aioboto3.Session().client(
                "cloudwatch",
                endpoint_url=setting.aws_endpoint_url,
                region_name="us-east-1",
                **setting.deployment.aws.service_credentials,
            )
        )
        rounds = await _measure_rounds(setting, health_pb2_grpc.HealthStub(channel), aws)
    ours, mcp, rpc, call = (p50(list(column)) for column in zip(*rounds, strict=True))
    floor = mcp + 2 * rpc + call
    tokens = [setting.token(number) for number in range(USERS)]
    tasks = [lambda token=tokens[index % USERS]: setting.ask(token) for index in range(THROUGHPUT_CALLS)]
    seconds = await in_flight(tasks, IN_FLIGHT)
    return [
        f"one authenticated get_active_alarms, p50 of {ROUNDS}: {ours:.2f} ms",
        f"  floor: {floor:.2f} ms = no-op MCP tool {mcp:.2f} + 2 x no-op gRPC {rpc:.2f} + direct AWS call {call:.2f}",
        f"  ratio: {ours / floor:.2f} (goal: at most 1.6)",
        f"{IN_FLIGHT} in flight, {USERS} users: {THROUGHPUT_CALLS / seconds:.0f} calls/s",
    ]


async def _measure_rounds(setting: Setting, health: Any, aws: Any) -> list[tuple[float, float, float, float]]:
    token = setting.token(0)
    nothing = {**CALL, "params": {"name": "nothing", "arguments": {}}}
    headers = {"Accept": "application/json", "Host": setting.floor["mcp_url"].split("/")[2]}

    async def call_nothing() -> None:
        response = await setting.http.post(setting.floor["mcp_url"], json=nothing, headers=headers)
        response.raise_for_status()

    async def check() -> None:
        await health.Check(health_pb2.HealthCheckRequest(), timeout=5)

    async def describe() -> None:
        await aws.describe_alarms(StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"])

    rounds = []
    for number in range(WARM_UP_ROUNDS + ROUNDS):
        measured = (
            await timed_ms(lambda: setting.ask(token)),
            await timed_ms(call_nothing),
            await timed_ms(check),
            await timed_ms(describe),
        )
        if number >= WARM_UP_ROUNDS:
            rounds.append(measured)
    return rounds
