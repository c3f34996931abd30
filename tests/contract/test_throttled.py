"""What is relied on of throttled-py beyond its documentation."""

from typing import Any

from throttled.asyncio import MemoryStore, RateLimiterRegistry, RateLimiterType, RedisStore, per_min


async def test_a_redis_store_uses_the_client_that_it_is_given() -> None:
    """It takes addresses only, and would open connections of its own: without the password from its file, unbounded."""
    asked: list[tuple[list[str], list[Any]]] = []

    class Client:
        def register_script(self, _script: str) -> Any:
            async def run(keys: list[str], arguments: list[Any]) -> tuple[int, int, str, str]:
                asked.append((keys, arguments))
                return 1, 0, "2", "1.5"

            return run

    store = RedisStore()
    store._backend._client = Client()  # type: ignore[assignment]
    limiter = RateLimiterRegistry.get(RateLimiterType.GCRA.value)(per_min(120), store, key_prefix="cwmcp:rates")
    result = await limiter.limit("u-alice")
    assert (result.limited, result.state.retry_after) == (True, 1.5)
    ((keys, arguments),) = asked
    assert arguments == [0.5, 120, 1]
    assert keys[0].startswith("cwmcp:rates:") and keys[0].endswith("u-alice")


async def test_counting_in_memory_keeps_no_more_than_it_may() -> None:
    store = MemoryStore(options={"MAX_SIZE": 10})
    limiter = RateLimiterRegistry.get(RateLimiterType.GCRA.value)(per_min(1), store)
    for number in range(100):
        await limiter.limit(f"u-{number}")
    assert len(store._backend.get_client()) == 10
