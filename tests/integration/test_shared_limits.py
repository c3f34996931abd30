"""Limits of replicas that share a real Redis: counted together, ending with a dead replica, local in an outage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
from cwmcp.auth.v1.authentication_service_pb2 import AuthenticateRequest
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceStub
from cwmcp.cloudwatch.v1 import alarms_service_pb2, logs_service_pb2

from cloudwatch_service.aws.insights.scan_ledger import SharedScanLedger
from cloudwatch_service.quotas.leases import NoPlaceLeft, Place, SharedLeases, held
from cloudwatch_service.quotas.query_slots import QuerySlots, SlotLimits
from cloudwatch_service.quotas.rates import SharedRates
from cloudwatch_service.quotas.shared_lanes import SharedLanes
from mcp_frontend.backends import Backends
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY
from servicekit.shared_state import SharedState, open_shared_state
from servicekit.shared_state_address import SharedStateAddress
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.ports import free_port
from tests.kit.process import REPOSITORY, child, listening
from tests.kit.redis_server import RedisServer, redis_server
from tests.kit.services import Deployment, policy_for
from tests.kit.waiting import until

DAY = date(2026, 11, 24)
PLACES = [Place("a", 2)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as running:
        yield running


@pytest.fixture
async def states(server: RedisServer) -> AsyncIterator[list[SharedState]]:
    """The shared state as each of two replicas has it."""
    async with AsyncExitStack() as stack:
        address = SharedStateAddress(server.url)
        opened = [await stack.enter_async_context(open_shared_state(address)) for _ in range(2)]
        yield [state for state in opened if state is not None]


async def _outage(server: RedisServer, states: list[SharedState]) -> None:
    await server.kill()
    await until(lambda: not any(state.is_reachable for state in states))


async def _end_of_outage(server: RedisServer, states: list[SharedState]) -> None:
    await server.go_up()
    await until(lambda: all(state.is_reachable for state in states))


async def test_a_rate_is_that_of_all_replicas(server: RedisServer, states: list[SharedState]) -> None:
    one, other = (SharedRates(4, state) for state in states)
    assert [await rates.take("alice") for rates in (one, other, one, other)] == [0, 0, 0, 0]
    for rates in (one, other):
        assert 14 < await rates.take("alice") <= 15
    assert await other.take("bob") == 0


async def test_in_an_outage_each_replica_keeps_the_rate_for_itself(
    server: RedisServer, states: list[SharedState]
) -> None:
    one, other = (SharedRates(1, state) for state in states)
    assert await one.take("alice") == 0
    await server.kill()
    for rates in (one, other):
        assert await rates.take("alice") == 0  # also for the call that finds out
        assert await rates.take("alice") > 0
    await _end_of_outage(server, states)
    assert await one.take("alice") == 0
    assert await other.take("alice") > 0


@pytest.mark.parametrize("junk", [b"junk", b"nan", b""])
async def test_what_others_write_into_redis_lifts_no_limit(states: list[SharedState], junk: bytes) -> None:
    """What cannot be understood there is taken for an outage: the replica goes by its own count."""
    state = states[0]
    rates, ledger = SharedRates(2, state), SharedScanLedger(state, max_users=10)
    assert await rates.take("alice") == 0
    assert await ledger.add("alice", DAY, 7) == 7
    for key in await state.redis.keys("*"):
        await state.redis.set(key, junk)
    assert [await rates.take("alice") > 0 for _ in range(3)][-1]
    assert await ledger.add("alice", DAY, 5) == 12


async def test_places_are_those_of_all_replicas(states: list[SharedState]) -> None:
    one, other = (SharedLeases(state) for state in states)
    first = await one.take(PLACES)
    async with held(other, PLACES):
        for leases in (one, other):
            with pytest.raises(NoPlaceLeft):
                await leases.take([Place("free", 1), *PLACES])
    await one.give_back(first)
    async with held(other, PLACES), held(other, PLACES), held(one, [Place("free", 1)]):
        pass
    assert await states[0].run(lambda redis: redis.keys("*")) == []


async def test_a_dead_replicas_places_come_free_and_a_living_ones_do_not(states: list[SharedState]) -> None:
    dead, living = SharedLeases(states[0], lease_s=0.3), SharedLeases(states[1], lease_s=0.3)
    await dead.take(PLACES)
    kept = await living.take(PLACES)
    with pytest.raises(NoPlaceLeft):
        await living.take(PLACES)
    for _ in range(6):
        await asyncio.sleep(0.1)
        await living.renew()
    await living.take(PLACES)
    with pytest.raises(NoPlaceLeft):
        await living.take(PLACES)
    await living.give_back(kept)


async def test_a_place_given_back_while_it_is_prolonged_is_free(states: list[SharedState]) -> None:
    leases = SharedLeases(states[0])
    for turns in range(12):
        lease_id = await leases.take([Place("a", 1)])
        renewing = asyncio.create_task(leases.renew())
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.gather(leases.give_back(lease_id), renewing)
        assert await states[1].run(lambda redis: redis.exists("cwmcp:leases:a")) == 0


async def test_a_call_given_up_while_it_takes_a_place_leaves_none_taken(states: list[SharedState]) -> None:
    leases = SharedLeases(states[0])
    for turns in range(12):
        taking = asyncio.create_task(leases.take([Place("a", 1)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        (result,) = await asyncio.gather(taking, return_exceptions=True)
        if isinstance(result, str):  # it was quicker
            await leases.give_back(result)

        async with held(SharedLeases(states[1]), [Place("a", 1)], wait_s=5):  # much less than a lease is long
            pass


async def test_in_an_outage_each_replica_counts_its_own_places(server: RedisServer, states: list[SharedState]) -> None:
    one, other = (SharedLeases(state) for state in states)
    before = await one.take(PLACES)
    await _outage(server, states)
    meanwhile = await one.take(PLACES)
    with pytest.raises(NoPlaceLeft):
        await one.take(PLACES)
    async with held(other, PLACES), held(other, PLACES):
        pass
    await _end_of_outage(server, states)
    await one.renew()  # what the server has lost is known again
    with pytest.raises(NoPlaceLeft):
        await other.take(PLACES)
    for lease_id in (before, meanwhile):
        await one.give_back(lease_id)
    async with held(other, PLACES), held(other, PLACES):
        pass


async def test_slots_for_queries_are_those_of_all_replicas(states: list[SharedState]) -> None:
    limits, here = SlotLimits(of_account=2, of_user=1), ("111122223333", "eu-west-1")
    one, other = (QuerySlots(limits, SharedLeases(state)) for state in states)
    async with one.slot(here, "alice", 0):
        with pytest.raises(ServiceError) as refused:
            await other.slot(here, "alice", 0).__aenter__()
        assert refused.value.details == {"limit": "1", "scope": "user"}
        async with other.slot(here, "bob", 0):
            with pytest.raises(ServiceError) as refused:
                await one.slot(here, "carol", 0.01).__aenter__()
            assert refused.value.details == {"limit": "2", "scope": "account"}
            assert refused.value.reason is Reason.QUERY_SLOTS_TAKEN
            waiting = asyncio.create_task(one.slot(here, "carol", 10).__aenter__())
        await waiting  # one came free in the other replica


async def test_batches_share_their_places_and_the_distance_of_starts(states: list[SharedState]) -> None:
    one, other = (SharedLanes(state, SharedLeases(state)) for state in states)
    async with one.place("1", "eu-west-1", 1):
        waiting = asyncio.create_task(other.place("1", "eu-west-1", 1).__aenter__())
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting
    clock = asyncio.get_running_loop().time
    begun_s = clock()
    for lanes in (one, other, one):
        await lanes.start("1", "eu-west-1", 0.1)
    assert 0.19 < clock() - begun_s < 5
    await other.start("2", "eu-west-1", 100)


async def test_a_user_day_is_counted_by_all_replicas_and_nothing_is_lost_in_an_outage(
    server: RedisServer, states: list[SharedState]
) -> None:
    one, other = (SharedScanLedger(state, 10) for state in states)
    assert await one.add("alice", DAY, 100) == 100
    assert await other.add("alice", DAY, 50) == 150
    assert await one.add("alice", DAY, -1_000) == 0  # never below
    assert await one.add("alice", DAY, 7) == 7
    assert await other.add("bob", DAY, 1) == 1
    assert 0 < await states[0].run(lambda redis: redis.ttl(f"cwmcp:scans:{DAY}:alice")) <= 2 * 86_400
    await _outage(server, states)
    assert await one.add("alice", DAY, 10) == 17  # it goes on from what it saw
    await _end_of_outage(server, states)  # this server forgets; what the replica could not tell comes now
    assert await one.add("alice", DAY, 1) == 11
    assert await other.add("alice", DAY, 0) == 11


async def test_a_user_of_the_server_who_may_use_the_keys_of_limits_only_is_enough(
    tmp_path: Path, server: RedisServer, states: list[SharedState]
) -> None:
    """As docs/identity/limits.md has it."""
    document = (REPOSITORY / "docs/identity/limits.md").read_text()
    rules = document.split("ACL SETUSER cw on\n>… ")[1].split("`")[0].split()
    await states[0].run(lambda redis: redis.execute_command("ACL", "SETUSER", "cw", "on", ">secret", *rules))
    password_file = tmp_path / "password"
    password_file.write_text("secret")
    address = SharedStateAddress(server.url.replace("://", "://cw@"), password_file)
    async with open_shared_state(address) as state:
        assert state is not None
        leases = SharedLeases(state)
        assert await SharedRates(1, state).take("alice") == 0
        assert await SharedScanLedger(state, 10).add("alice", DAY, 5) == 5
        await SharedLanes(state, leases).start("1", "eu-west-1", 0.01)
        async with held(leases, PLACES):
            await leases.renew()
        assert state.is_reachable
        with pytest.raises(ServiceError):
            await state.run(lambda redis: redis.get("cwmcp:revocations"))
    counted = await states[0].run(lambda redis: redis.keys("cwmcp:*:*alice"))
    assert len(counted) == 2  # the rate and the day


@asynccontextmanager
async def _replicas(
    directory: Path, aws: FakeAws, issuer: Issuer, redis: RedisServer, **limits: str
) -> AsyncIterator[list[tuple[Backends, dict[str, Any]]]]:
    """Two processes of cloudwatch_service, and how alice asks each of them."""
    policy = policy_for({"payments": "111111111111"}, {"cw-payments": ["payments"]})
    deployment = Deployment(directory, aws, issuer, policy)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(deployment.running(["auth_service"]))
        ports = free_port(), free_port()
        for port in ports:
            own = {
                "CLOUDWATCH_LISTEN_ADDRESS": f"127.0.0.1:{port}",
                "SHARED_STATE_URL": redis.url,
                **{f"CLOUDWATCH_{name.upper()}": value for name, value in limits.items()},
            }
            environment = {**deployment.environment("cloudwatch_service"), **own}
            log_file = directory / f"cloudwatch-{port}.log"
            await stack.enter_async_context(
                child("cloudwatch_service", env=environment, log_file=log_file, ready=listening(port), timeout_s=20)
            )
        tls = deployment.tls("agent")
        auth = await stack.enter_async_context(connected(f"127.0.0.1:{deployment.auth_port}", "auth-service", tls))
        yield [
            (
                Backends.over(
                    await stack.enter_async_context(connected(f"127.0.0.1:{port}", "cloudwatch-service", tls))
                ),
                await _options(deployment, issuer, auth),
            )
            for port in ports
        ]


async def _options(deployment: Deployment, issuer: Issuer, auth: grpc.aio.Channel) -> dict[str, Any]:
    token = issuer.mint({"sub": "alice", "aud": deployment.mcp_url, "groups": ["cw-payments"]})
    stub = AuthenticationServiceStub(auth)
    answer = await stub.Authenticate(AuthenticateRequest(access_token=token), timeout=20)
    return {"metadata": ((ASSERTION_METADATA_KEY, answer.assertion.encode()),), "timeout": 20}


@pytest.mark.timeout(60)
async def test_two_processes_count_one_users_calls_together(
    tmp_path: Path, aws: FakeAws, issuer: Issuer, server: RedisServer
) -> None:
    request = alarms_service_pb2.ListActiveAlarmsRequest()
    async with _replicas(tmp_path, aws, issuer, server, max_calls_per_user_minute="6") as replicas:
        for number in range(6):
            backends, options = replicas[number % 2]
            await backends.alarms.ListActiveAlarms(request, **options)
        for backends, options in replicas:
            with pytest.raises(ServiceError) as refused, raising_service_errors():
                await backends.alarms.ListActiveAlarms(request, **options)
            assert refused.value.reason is Reason.USER_RATE_EXCEEDED
            assert refused.value.retry_after_s is not None and 0 < refused.value.retry_after_s <= 10
            await _stop_anything(backends, options)
        await server.kill()  # nobody is refused for an outage
        for backends, options in replicas:
            await backends.alarms.ListActiveAlarms(request, **options)


async def _stop_anything(backends: Backends, options: dict[str, Any]) -> None:
    """StopQuery is never refused by a limit, only by AWS."""
    with pytest.raises(ServiceError) as refused, raising_service_errors():
        await backends.logs.StopQuery(logs_service_pb2.StopQueryRequest(query_id="none"), **options)
    assert refused.value.reason.startswith("AWS_")
