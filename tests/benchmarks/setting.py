"""What is measured: the three services, the fake AWS and the floor as processes of their own, and users to ask with."""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx2

from tests.kit.fake_aws.server import SERVICE_KEY
from tests.kit.issuer import Issuer
from tests.kit.process import Child, child, json_line
from tests.kit.services import SERVICES, Deployment, policy_for

ACCOUNT: Final = "111111111111"
CALL: Final = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
UNLIMITED_RATE: Final = {"CLOUDWATCH_MAX_CALLS_PER_USER_MINUTE": "0"}
UNLIMITED_REQUESTS: Final = {"FRONTEND_MAX_REQUESTS_PER_USER_MINUTE": "0"}
"""For what is measured as fast as it goes."""
_CLOCK_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass
class Setting:
    """Everything that runs."""

    deployment: Deployment
    issuer: Issuer
    services: dict[str, Child]
    aws_endpoint_url: str
    floor: dict[str, Any]
    http: httpx2.AsyncClient

    def token(self, number: int) -> str:
        """The bearer of one of any number of users."""
        claims = {
            "sub": f"user-{number}",
            "groups": ["cw-payments"],
            "aud": self.deployment.mcp_url,
            "exp": int(time.time()) + 3_600,
        }
        return self.issuer.mint(claims)

    async def ask(
        self, token: str, tool: str = "get_active_alarms", arguments: Mapping[str, Any] | None = None
    ) -> None:
        """One authenticated call. Raises RuntimeError when it is not answered."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        call = {**CALL, "params": {"name": tool, "arguments": arguments or {}}}
        response = await self.http.post(self.deployment.mcp_url, json=call, headers=headers)
        if response.status_code != 200 or response.json()["result"]["isError"]:
            raise RuntimeError(response.text)


@asynccontextmanager
async def running() -> AsyncIterator[Setting]:
    """All processes, ready to be asked."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = ("--no-verify", "--external-id", "test-deployment")
        environment = {"HOME": str(directory)}
        aws = await stack.enter_async_context(
            child("tests.kit.fake_aws", *arguments, env=environment, log_file=directory / "aws.log", ready=json_line)
        )
        endpoint_url = (aws.first_json() or {})["endpoint_url"]
        issuer = await stack.enter_async_context(Issuer())
        # The deployment only needs to know where AWS is and the service's key there.
        key = {"aws_access_key_id": SERVICE_KEY[0], "aws_secret_access_key": SERVICE_KEY[1]}
        remote_aws: Any = SimpleNamespace(endpoint_url=endpoint_url, service_credentials=key)
        policy = policy_for({"payments": ACCOUNT}, {"cw-payments": ["payments"]})
        unlimited = {"cloudwatch_service": UNLIMITED_RATE, "mcp_frontend": UNLIMITED_REQUESTS}
        deployment = Deployment(directory, remote_aws, issuer, policy, unlimited)
        services = await stack.enter_async_context(deployment.running(SERVICES))
        floor = await stack.enter_async_context(
            child(
                "tests.benchmarks.floor",
                str(directory),
                env=environment,
                log_file=directory / "floor.log",
                ready=json_line,
            )
        )
        http = await stack.enter_async_context(
            httpx2.AsyncClient(timeout=60, trust_env=False, limits=httpx2.Limits(max_connections=64))
        )
        yield Setting(deployment, issuer, services, endpoint_url, floor.first_json() or {}, http)


def cpu_s(process: Child) -> float:
    """CPU seconds that the process has used (user and system)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS_PER_S


def resident_bytes(process: Child) -> int:
    """Resident memory of the process."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def timed_ms(work: Callable[[], Awaitable[Any]]) -> float:
    """Wall time of one run of `work`."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1e3


async def in_flight(tasks: list[Callable[[], Awaitable[None]]], places: int) -> float:
    """Run all `tasks`, `places` at a time; returns the wall seconds."""
    free = asyncio.Semaphore(places)

    async def one(task: Callable[[], Awaitable[None]]) -> None:
        async with free:
            await task()

    begun = time.perf_counter()
    await asyncio.gather(*(one(task) for task in tasks))
    return time.perf_counter() - begun


def p50(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: list[float]) -> float:
    """What one of a hundred exceeds."""
    return statistics.quantiles(values, n=100)[98]


@asynccontextmanager
async def crowd(setting: Setting, log_file: Path, **wanted: Any) -> AsyncIterator[dict[str, int]]:
    """Many requests at a time while open (see `crowd.py`); how they were answered is known afterwards."""
    request = log_file.with_suffix(".json")
    request.write_text(json.dumps({"url": setting.deployment.mcp_url, "most": 1_000_000, **wanted}))
    answered: dict[str, int] = {}
    async with child(
        "tests.benchmarks.crowd", str(request), env={"HOME": str(log_file.parent)}, log_file=log_file, ready=json_line
    ) as process:
        yield answered
    answered.update(json.loads(process.log().splitlines()[-1])["answered"])


@asynccontextmanager
async def other_services(setting: Setting, overrides: dict[str, dict[str, str]]) -> AsyncIterator[Setting]:
    """The three services once more, set up otherwise, beside the same AWS and issuer."""
    with tempfile.TemporaryDirectory() as directory:
        first = setting.deployment
        deployment = Deployment(Path(directory), first.aws, first.issuer, first.policy, overrides)
        async with deployment.running(SERVICES) as services:
            yield replace(setting, deployment=deployment, services=services)


async def light_block(setting: Setting, calls: int) -> list[float]:
    """Milliseconds of `calls` calls of user 0, one after the other."""
    token = setting.token(0)
    return [await timed_ms(lambda: setting.ask(token)) for _ in range(calls)]
