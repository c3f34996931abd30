"""How an attempt to connect goes: once for a page without scripts, and as server-sent events for the script.

Events are those of the HTML standard, section 9.2. Each has the attempt's state as its data; the last one is not
"waiting". Who loses the stream opens it again, with which auth_service goes on.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from cwmcp.auth.v1 import connection_service_pb2 as pb

from mcp_frontend.connect.connections import Connections, NotSetUpError
from servicekit.errors import Reason, ServiceError

WAITING, CONNECTED, DENIED, EXPIRED = "waiting", "connected", "denied", "expired"
OVER: Final = "over"
"""It is not known how it went, and there is nothing left to watch."""
_STATES: Final = {
    pb.WatchAttemptResponse.STATE_WAITING: WAITING,
    pb.WatchAttemptResponse.STATE_CONNECTED: CONNECTED,
    pb.WatchAttemptResponse.STATE_DENIED: DENIED,
    pb.WatchAttemptResponse.STATE_EXPIRED: EXPIRED,
}
_LOOK_S: Final = 6.0  # longer than auth_service waits by default before it asks the portal again
_KEEP_ALIVE_S: Final = 15.0  # proxies end what is silent for a minute, some for half of that
_RECONNECT_MS: Final = 3_000
# Later these may go well; all other failures end the watching.
_TRANSIENT: Final = frozenset(
    {Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.TOO_MANY_CALLS, Reason.AWS_UNAVAILABLE, Reason.AWS_THROTTLED}
)


class Progress:
    """Watches attempts. `stop` ends all streams, so that none holds up the process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams; browsers open them again, at another process."""
        self._stopping.set()

    async def look(self, session: str, attempt_id: str) -> str:
        """The attempt's state, which is waited for a moment. Raises ServiceError, NotSetUpError."""
        try:
            async with asyncio.timeout(_LOOK_S), aclosing(self._states(session, attempt_id)) as states:
                async for state in states:
                    if state != WAITING:
                        return state
        except TimeoutError:
            return WAITING
        except ServiceError as error:
            if error.reason in _TRANSIENT:
                return WAITING
            if error.reason is not Reason.INVALID_ARGUMENT:
                raise
        return OVER

    async def events(self, session: str, attempt_id: str) -> AsyncGenerator[bytes]:
        """The event stream."""
        yield f"retry: {_RECONNECT_MS}\n\n".encode()
        stopped = asyncio.create_task(self._stopping.wait())
        async with aclosing(self._states(session, attempt_id)) as states:
            following = asyncio.ensure_future(anext(states, OVER))
            try:
                while True:
                    done, _ = await asyncio.wait(
                        {following, stopped}, timeout=_KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED
                    )
                    if stopped in done:
                        return
                    if not done:
                        yield b": still there\n\n"
                        continue
                    state = _state_of(following)
                    if state is None:
                        return
                    yield f"data: {state}\n\n".encode()
                    if state != WAITING:
                        return
                    following = asyncio.ensure_future(anext(states, OVER))
            finally:
                for task in (following, stopped):
                    task.cancel()
                await asyncio.gather(following, stopped, return_exceptions=True)

    async def _states(self, session: str, attempt_id: str) -> AsyncGenerator[str]:
        async with aclosing(self._connections.watch_attempt(session, attempt_id)) as answers:
            async for answer in answers:
                yield _STATES.get(answer.state, OVER)


def _state_of(following: asyncio.Future[str]) -> str | None:
    """What came, or None where the browser is to open the stream again."""
    try:
        return following.result()
    except ServiceError as error:
        return None if error.reason in _TRANSIENT else OVER
    except NotSetUpError:
        return OVER
