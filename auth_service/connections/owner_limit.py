"""How often one person may begin something within ten minutes, in this replica: links and codes have a cost."""

from collections.abc import Callable
from typing import Final

from cachetools import TTLCache

from auth_service.domain.connections import Owner
from servicekit.errors import Reason, ServiceError

_WINDOW_S: Final = 600.0
_MAX_OWNERS: Final = 50_000


class OwnerLimit:
    """Counts from a person's first beginning on, and forgets ten minutes after it."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._counts: TTLCache[Owner, list[int]] = TTLCache(_MAX_OWNERS, _WINDOW_S, timer=clock)

    def count(self, owner: Owner) -> None:
        """Another one. Raises USER_RATE_EXCEEDED."""
        counted = self._counts.setdefault(owner, [0])
        if counted[0] >= self._most:
            message = f"no more than {self._most} in ten minutes"
            details = {"limit": str(self._most), "window_s": str(int(_WINDOW_S))}
            raise ServiceError(Reason.USER_RATE_EXCEEDED, message, details=details, retry_after_s=_WINDOW_S)
        counted[0] += 1
