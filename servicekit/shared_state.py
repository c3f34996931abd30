"""State that replicas share, in Redis or Valkey: one pool of connections a process, every command bounded in time.

Without an address there is none, and each part keeps its state in the memory of its process. What a part does while the
state cannot be reached is its own choice; here it only learns so quickly: after a failure nothing waits for a server
that does not answer, until a probe has found it again.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from servicekit.background import in_background
from servicekit.errors import Reason, ServiceError
from servicekit.lifecycle import ConfigurationError, check_all
from servicekit.loopback import is_loopback
from servicekit.shared_state_address import SharedStateAddress

_log = logging.getLogger(__name__)
T = TypeVar("T")
COMMAND_TIMEOUT_S: Final = 0.5
_CONNECT_TIMEOUT_S: Final = 1.0
_MAX_CONNECTIONS: Final = 50
_DEFAULT_PORT: Final = 6379
_PROBE_EVERY_S: Final = 1.0
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 2.0
_RETRY_AFTER_S: Final = 2.0
# What a broken, overloaded or wrongly addressed server makes redis-py raise, TLS and DNS included.
_FAILURES: Final = (RedisError, OSError, TimeoutError)


class SharedStateUnavailable(ServiceError):
    """The shared state cannot be reached now, or did not answer in time: whether a command took effect is unknown."""

    def __init__(self) -> None:
        message = "the state that replicas share cannot be reached now"
        super().__init__(Reason.UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S)


def check_files(address: SharedStateAddress | None) -> None:
    """Read the files of an address. Raises ConfigurationError naming every fault."""
    paths = (address.password_file, address.ca_file) if address else ()
    check_all(partial(_read, path) for path in paths if path is not None)


class SharedState:
    """One server of shared state, as all parts of a process use it."""

    def __init__(self, redis: "Redis", key_prefix: str) -> None:
        self.redis: Final = redis
        """For libraries that bring their own commands; `run` is for one's own."""
        self._key_prefix = key_prefix
        self._is_reachable = True
        self._lost = asyncio.Event()

    @property
    def is_reachable(self) -> bool:
        """Whether the last command or probe was answered."""
        return self._is_reachable

    def key(self, *parts: str) -> str:
        """The full name of a key or channel: `key("revocations", "set")` is cwmcp:revocations:set."""
        return self._key_prefix + ":".join(parts)

    async def run(self, command: "Callable[[Redis], Awaitable[T]]", timeout_s: float = COMMAND_TIMEOUT_S) -> T:
        """The answer to one command, or one script. Raises SharedStateUnavailable, at once while an outage lasts."""
        if not self._is_reachable:
            raise SharedStateUnavailable
        return await self._try(command, timeout_s)

    @asynccontextmanager
    async def subscribed(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The messages of a channel while open. Raises SharedStateUnavailable, also between messages.

        A connection may die without a word and messages may be missed: what must not be missed is to be read elsewhere.
        """
        pubsub = self.redis.pubsub()
        try:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    await pubsub.subscribe(channel)
            except _FAILURES as error:
                raise SharedStateUnavailable from error
            async with aclosing(_messages(pubsub)) as messages:
                yield messages
        finally:
            await _abandon(pubsub)

    async def keep_probing(self) -> None:
        """Find out when the server goes away and when it is back, until cancelled."""
        failures = 0
        while True:
            try:
                await self._try(lambda redis: redis.ping(), COMMAND_TIMEOUT_S)
                failures = 0
            except SharedStateUnavailable:
                failures += 1
            if failures:
                await asyncio.sleep(_delay_s(failures))
                continue
            self._lost.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_EVERY_S):
                    await self._lost.wait()

    async def _try(self, command: "Callable[[Redis], Awaitable[T]]", timeout_s: float) -> T:
        try:
            async with asyncio.timeout(timeout_s):
                answer = await command(self.redis)
        except _FAILURES as error:
            if self._is_reachable:
                # Not its text: a server may repeat what it was sent.
                _log.error("the shared state cannot be reached: %s", type(error).__name__)
            self._is_reachable = False
            self._lost.set()
            raise SharedStateUnavailable from error
        if not self._is_reachable:
            _log.warning("the shared state is reached again")
        self._is_reachable = True
        return answer


@asynccontextmanager
async def open_shared_state(address: SharedStateAddress | None) -> AsyncIterator[SharedState | None]:
    """The shared state while open; None where none is configured. A server that is down does not keep one from
    starting. Raises ConfigurationError.
    """
    if address is None:
        yield None
        return
    check_files(address)
    parts = urlsplit(address.url)
    if parts.scheme == "redis" and not is_loopback(parts.hostname or ""):
        _log.warning("the shared state is reached without TLS; use rediss:// where others share the network")
    redis = _client(address)
    state = SharedState(redis, address.key_prefix)
    try:
        async with in_background(state.keep_probing()):
            yield state
    finally:
        await redis.aclose(close_connection_pool=True)


class _PasswordFile(CredentialProvider):
    """The user's name and password, read for each new connection, so that a changed password needs no restart."""

    def __init__(self, user: str, path: Path | None) -> None:
        self._user = user
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """As redis-py wants them: (password,) or (user, password)."""
        password = _read(self._path).decode().strip() if self._path else ""
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """As above, off the event loop."""
        try:
            return await asyncio.to_thread(self.get_credentials)
        except ConfigurationError as error:
            raise OSError(str(error)) from error


def _client(address: SharedStateAddress) -> "Redis":
    parts = urlsplit(address.url)
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or _DEFAULT_PORT,
        "db": int(parts.path.removeprefix("/") or 0),
        "protocol": 2,
        "socket_connect_timeout": _CONNECT_TIMEOUT_S,
        "socket_timeout": None,  # each command has its own bound, and a subscription waits for long
        "retry": Retry(NoBackoff(), 0),  # a command that may have taken effect is not sent again unasked
        "client_name": "cloudwatch-mcp",
    }
    if address.password_file is not None:
        options["credential_provider"] = _PasswordFile(unquote(parts.username or ""), address.password_file)
    if parts.scheme == "rediss":
        options |= {"ssl_ca_certs": str(address.ca_file) if address.ca_file else None, "ssl_check_hostname": True}
    connection_class = SSLConnection if parts.scheme == "rediss" else Connection
    pool = BlockingConnectionPool(
        max_connections=_MAX_CONNECTIONS, timeout=COMMAND_TIMEOUT_S, connection_class=connection_class, **options
    )
    return Redis(connection_pool=pool)


async def _messages(pubsub: Any) -> AsyncGenerator[bytes]:
    while True:
        try:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=None)
        except _FAILURES as error:
            raise SharedStateUnavailable from error
        if message is not None and isinstance(message["data"], bytes):
            yield message["data"]


async def _abandon(pubsub: Any) -> None:
    """Close a subscription, whose connection may be broken already."""
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            await pubsub.aclose()
    except _FAILURES as error:
        _log.debug("a subscription was not closed in order: %s", type(error).__name__)


def _delay_s(failures: int) -> float:
    """When to probe next. The server that comes back is not met by all replicas at the same moment."""
    longest_s = min(_FIRST_RETRY_S * 2.0 ** min(failures - 1, 10), _LONGEST_RETRY_S)
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
