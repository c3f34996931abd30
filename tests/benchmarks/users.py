"""What a new user costs: CPU of the first call beyond an ordinary one and the STS call, and memory at 10,000 users."""

import time
from collections.abc import Awaitable, Callable
from functools import partial

import aioboto3
from aiobotocore.config import AioConfig

from tests.benchmarks.setting import Setting, cpu_s, in_flight, resident_bytes
from tests.kit.services import SERVICES, role_arn

WARM_UP_USERS = 200
CPU_USERS = 2_000
BLOCK_USERS = 100
NAIVE_USERS = 20
CONNECTED_USERS = 10_000
IN_FLIGHT = 16


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    await _ask_as(setting, range(WARM_UP_USERS))
    first, ordinary = await _cpu_ms_of_first_and_ordinary_calls(setting)
    sts_ms = await _sts_cpu_ms(setting)
    naive_ms = await _naive_cpu_ms(setting)
    lines = [f"CPU of a call, first and ordinary, of {CPU_USERS} users:"]
    lines += [f"  {name}: {first[name]:.2f} ms and {ordinary[name]:.2f} ms" for name in SERVICES]
    extra_ms = sum(first.values()) - sum(ordinary.values())
    pool_ms = first["cloudwatch_service"] - ordinary["cloudwatch_service"]
    lines.append(f"  first beyond ordinary: {extra_ms:.2f} ms, of which in cloudwatch_service {pool_ms:.2f} ms")
    lines.append(
        f"  an AssumeRole by aioboto3 alone: {sts_ms:.2f} ms; left: {extra_ms - sts_ms:.2f} ms (goal: at most 1)"
    )
    lines.append(
        f"  a session and two clients for each user instead: {naive_ms:.0f} ms, {naive_ms / pool_ms:.0f} times "
        "what cloudwatch_service needs"
    )
    cloudwatch = setting.services["cloudwatch_service"]
    begun = WARM_UP_USERS + CPU_USERS
    before = resident_bytes(cloudwatch)
    await _ask_as(setting, range(begun, CONNECTED_USERS))
    grown = resident_bytes(cloudwatch) - before
    per_user_kib = grown / (CONNECTED_USERS - begun) / 1_024
    lines.append(
        f"memory of cloudwatch_service at {CONNECTED_USERS} users: {resident_bytes(cloudwatch) / 2**20:.0f} MiB, "
        f"{per_user_kib:.1f} KiB a user (goal: at most 10)"
    )
    return lines


async def _ask_as(setting: Setting, numbers: range) -> None:
    """One call of each of these users, a few at a time."""

    def task(number: int) -> Callable[[], Awaitable[None]]:
        return lambda: setting.ask(setting.token(number))

    await in_flight([task(number) for number in numbers], IN_FLIGHT)


async def _cpu_ms_of_first_and_ordinary_calls(setting: Setting) -> tuple[dict[str, float], dict[str, float]]:
    """CPU milliseconds a call in each service: of each user's first call, and of the second. In turns, by block."""
    sums: tuple[dict[str, float], dict[str, float]] = (dict.fromkeys(SERVICES, 0.0), dict.fromkeys(SERVICES, 0.0))
    for begun in range(WARM_UP_USERS, WARM_UP_USERS + CPU_USERS, BLOCK_USERS):
        tokens = [setting.token(number) for number in range(begun, begun + BLOCK_USERS)]
        for used in sums:
            before = {name: cpu_s(process) for name, process in setting.services.items()}
            await in_flight([partial(setting.ask, token) for token in tokens], IN_FLIGHT)
            for name, process in setting.services.items():
                used[name] += (cpu_s(process) - before[name]) / CPU_USERS * 1e3
    return sums


async def _sts_cpu_ms(setting: Setting) -> float:
    """CPU milliseconds of this process for one AssumeRole."""
    session, config = aioboto3.Session(), AioConfig(max_pool_connections=50)
    credentials = setting.deployment.aws.service_credentials
    async with session.client(
        "sts", endpoint_url=setting.aws_endpoint_url, region_name="us-east-1", config=config, **credentials
    ) as sts:

        async def assume() -> None:
            await sts.assume_role(
                RoleArn=role_arn("111111111111"), RoleSessionName="floor", ExternalId="test-deployment"
            )

        await in_flight([assume] * 50, IN_FLIGHT)
        begun_s = time.process_time()
        await in_flight([assume] * CPU_USERS, IN_FLIGHT)
        return (time.process_time() - begun_s) / CPU_USERS * 1e3


async def _naive_cpu_ms(setting: Setting) -> float:
    """CPU milliseconds of this process for a session and clients of its own for one user, as the naive way has it."""

    async def connect() -> None:
        session = aioboto3.Session(**setting.deployment.aws.service_credentials)
        for service in ("cloudwatch", "logs"):
            async with session.client(service, endpoint_url=setting.aws_endpoint_url, region_name="us-east-1"):
                pass

    await connect()
    begun_s = time.process_time()
    for _ in range(NAIVE_USERS):
        await connect()
    return (time.process_time() - begun_s) / NAIVE_USERS * 1e3
