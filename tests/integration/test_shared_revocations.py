"""Sign-ins ended in one replica, over a real Redis: within a second nobody serves them, whatever happened meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.redis_server import redis_server
from tests.kit.replicas import ACCOUNT, REPLICAS, Person, Replicas, running_replicas
from tests.kit.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
SERVED = [None] * 3 * REPLICAS
REFUSED = [Reason.TOKEN_REVOKED] * 3 * REPLICAS


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    directory: Path = tmp_path_factory.mktemp("replicas")
    async with (
        FakeAws(external_ids={ACCOUNT: "test-deployment"}) as aws,
        Issuer() as issuer,
        redis_server(directory) as redis,
        running_replicas(directory, aws, issuer, redis) as running,
    ):
        yield running


async def signed_in(replicas: Replicas, subject: str, **claims: object) -> Person:
    """Somebody whom every replica knows and holds keys for."""
    person = replicas.person(subject, **claims)
    for index in range(REPLICAS):
        await person.sign_in(index)
    assert await person.everywhere() == SERVED
    return person


def later() -> dict[str, int]:
    """The times of a token that was issued after a revocation made now, by a clock a little ahead."""
    now_s = int(time.time())
    return {"iat": now_s + 7, "exp": now_s + 600}


async def test_within_a_second_no_replica_serves_the_user(replicas: Replicas) -> None:
    alice, bob = await signed_in(replicas, "alice"), await signed_in(replicas, "bob")
    keys_before = {await alice.issue(index) for index in range(REPLICAS)}
    began_s = time.monotonic()
    await replicas.revoke(0, "alice")
    await until(lambda: _holds(alice, REFUSED), timeout_s=1.0)
    took_s = time.monotonic() - began_s
    assert took_s < 1.0
    assert await bob.everywhere() == SERVED
    again = await signed_in(replicas, "alice", **later())
    assert not {await again.issue(index) for index in range(REPLICAS)} & keys_before
    assert await alice.everywhere() == REFUSED
    assert await replicas.revoked_subjects(1) >= {"alice"}
    log = replicas.log("auth_service", 0)
    assert '"revoked_by": "admin"' in log and '"reason": "lost laptop"' in log
    assert alice.token.rpartition(".")[2] not in log


async def _holds(person: Person, expected: list[Reason | None]) -> bool:
    return await person.everywhere() == expected


async def test_a_session_ends_and_the_users_others_go_on(replicas: Replicas) -> None:
    phone = await signed_in(replicas, "carol", sid="phone")
    laptop = await signed_in(replicas, "carol", sid="laptop")
    await replicas.revoke(1, "", "laptop")
    await until(lambda: _holds(laptop, REFUSED), timeout_s=1.0)
    assert await phone.everywhere() == SERVED


async def test_a_running_query_is_stopped_at_aws(replicas: Replicas) -> None:
    aws = replicas.deployment.aws
    aws.logs.plan_queries("endless", polls=None)
    dave = await signed_in(replicas, "dave")
    queries = [asyncio.create_task(dave.query(index)) for index in range(REPLICAS)]
    await until(lambda: len(aws.running_queries) == REPLICAS)
    began_s = time.monotonic()
    await replicas.revoke(0, "dave")
    await until(lambda: not aws.running_queries, timeout_s=1.0)
    assert time.monotonic() - began_s < 1.0
    for query in queries:
        with pytest.raises(ServiceError) as caught:
            await query
        assert caught.value.reason is Reason.TOKEN_REVOKED
    assert len(aws.calls_of("logs:StopQuery")) == REPLICAS


async def test_replicas_that_were_away_learn_of_it_before_they_serve(replicas: Replicas) -> None:
    erin, frank = await signed_in(replicas, "erin"), await signed_in(replicas, "frank")
    await replicas.kill("auth_service", 1)
    await replicas.kill("cloudwatch_service", 1)
    await replicas.revoke(0, "erin")
    await replicas.start("auth_service", 1)
    await replicas.start("cloudwatch_service", 1)
    assert await erin.everywhere() == REFUSED
    assert await frank.everywhere() == SERVED


async def test_what_others_write_into_redis_neither_opens_anything_nor_ends_the_watch(replicas: Replicas) -> None:
    """By the names that auth_service uses, as somebody could who may write there."""
    judy, kim = await signed_in(replicas, "judy"), await signed_in(replicas, "kim")
    await replicas.revoke(0, "judy")
    await until(lambda: _holds(judy, REFUSED), timeout_s=1.0)
    async with Redis.from_url(replicas.redis.url) as redis:
        for message in (b"", b"junk", b"9" * 5_000, b"7 {}", b'8 {"subject": 1}', b"\xff" * 100, b"-1"):
            await redis.publish("cwmcp:revocations:new", message)
        await redis.zadd("cwmcp:revocations:set", {b"junk": time.time() + 60, b'{"issuer": []}': time.time() + 60})
        await redis.set("cwmcp:revocations:count", b"9" * 5_000)
        with pytest.raises(ServiceError) as caught:
            await replicas.revoke(1, "kim")
        assert caught.value.reason is Reason.UNAVAILABLE
        await redis.delete("cwmcp:revocations:count", "cwmcp:revocations:set")
    await until(lambda: _holds(kim, REFUSED))
    assert await judy.everywhere() == REFUSED
    larry = await signed_in(replicas, "larry")
    await replicas.revoke(1, "larry")
    await until(lambda: _holds(larry, REFUSED), timeout_s=1.0)


async def test_an_outage_of_redis_opens_nothing_and_loses_nothing(replicas: Replicas) -> None:
    grace, henry, iris = [await signed_in(replicas, name) for name in ("grace", "henry", "iris")]
    await replicas.revoke(0, "grace")
    await until(lambda: _holds(grace, REFUSED), timeout_s=1.0)
    await replicas.redis.kill()
    with pytest.raises(ServiceError) as caught:
        await replicas.revoke(1, "henry")
    assert caught.value.reason is Reason.UNAVAILABLE  # the administrator learns that not all replicas know
    assert await grace.everywhere() == REFUSED
    with pytest.raises(ServiceError) as caught:
        await henry.sign_in(1)
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert await iris.everywhere() == SERVED  # for a while
    await replicas.redis.go_up()  # and remembers nothing
    await until(lambda: _holds(henry, REFUSED))
    assert await grace.everywhere() == REFUSED
    await replicas.kill("auth_service", 0)
    await replicas.start("auth_service", 0)  # it can have them from Redis only
    assert await replicas.revoked_subjects(0) >= {"grace", "henry"}
    assert await iris.everywhere() == SERVED
    assert await henry.everywhere() == REFUSED
