"""Turns at something that few may use at a time, given to those who wait one user after the other.

In the order of asking, one user with two hundred calls would be served two hundred times before the next user once.
Here whoever waits is next after one turn of each other user, however many calls those have waiting.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from servicekit.errors import Reason, ServiceError
from servicekit.identity import find_principal

NOBODY: Final = ""
"""Whose turns those are that no user asked for."""
_RETRY_AFTER_S: Final = 1.0


def current_user() -> str:
    """Who the current work is for: the verified user's id, or NOBODY."""
    principal = find_principal()
    return NOBODY if principal is None else principal.user_id


class FairTurns:
    """At most `places` turns at a time, and `places_per_user` of one user; who waits for one holds no place."""

    def __init__(
        self,
        places: int,
        *,
        places_per_user: int | None = None,
        max_waiting_per_user: int | None = None,
        max_waiting: int | None = None,
    ) -> None:
        """None is no limit of its own. `max_waiting` counts all users' calls, `max_waiting_per_user` those of one."""
        self._places = places
        self._places_per_user = places if places_per_user is None else places_per_user
        self._max_waiting_per_user = max_waiting_per_user
        self._max_waiting = max_waiting
        self._taken = 0
        self._taken_by: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Users in the order in which they are served next, with their calls in the order of asking."""
        self._waiting_count = 0

    @property
    def taken(self) -> int:
        """How many turns are under way."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return self._waiting_count

    def taken_by(self, user_id: str) -> int:
        """How many turns of the user are under way."""
        return self._taken_by[user_id]

    @asynccontextmanager
    async def turn(self, user_id: str | None = None) -> AsyncIterator[None]:
        """Wait for a turn of the user (None: the current one) and hold it inside the block.

        Raises ServiceError (TOO_MANY_CALLS) at once when too many wait already. How long to wait is up to the caller.
        """
        user_id = current_user() if user_id is None else user_id
        await self._take(user_id)
        try:
            yield
        finally:
            self._give_back(user_id)

    async def _take(self, user_id: str) -> None:
        if user_id not in self._waiting and self._is_free_for(user_id):
            self._note_taken(user_id)
            return
        self._refuse_if_full(user_id)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, deque()).append(turn)
        self._waiting_count += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # given in the same moment; somebody else can have it
                self._give_back(user_id)
            else:
                self._forget(user_id, turn)
            raise

    def _refuse_if_full(self, user_id: str) -> None:
        own = len(self._waiting.get(user_id, ()))
        if self._max_waiting_per_user is not None and own >= self._max_waiting_per_user:
            message = f"{own} calls of this user wait for their turn already"
        elif self._max_waiting is not None and self._waiting_count >= self._max_waiting:
            message = f"{self._waiting_count} calls wait for their turn already"
        else:
            return
        raise ServiceError(Reason.TOO_MANY_CALLS, message, retry_after_s=_RETRY_AFTER_S)

    def _is_free_for(self, user_id: str) -> bool:
        return self._taken < self._places and self._taken_by[user_id] < self._places_per_user

    def _note_taken(self, user_id: str) -> None:
        self._taken += 1
        self._taken_by[user_id] += 1

    def _give_back(self, user_id: str) -> None:
        self._taken -= 1
        self._taken_by[user_id] -= 1
        if not self._taken_by[user_id]:
            del self._taken_by[user_id]
        self._serve_next()

    def _serve_next(self) -> None:
        """Give free places to those who wait. Who is served goes behind all others who wait."""
        while self._taken < self._places:
            user_id = next((user_id for user_id in self._waiting if self._is_free_for(user_id)), None)
            if user_id is None:
                return
            turn = self._waiting[user_id].popleft()
            self._waiting_count -= 1
            if self._waiting[user_id]:
                self._waiting.move_to_end(user_id)
            else:
                del self._waiting[user_id]
            if not turn.cancelled():
                self._note_taken(user_id)
                turn.set_result(None)

    def _forget(self, user_id: str, turn: "asyncio.Future[None]") -> None:
        """Take a call that gave up off the queue, unless it was on its way out already."""
        own = self._waiting.get(user_id)
        if own is None or turn not in own:
            return
        own.remove(turn)
        self._waiting_count -= 1
        if not own:
            del self._waiting[user_id]
