"""Parts of an answer that it is worth giving without, when AWS refuses them. It must not know any one RPC."""

from collections.abc import Awaitable
from typing import Final, TypeVar

from servicekit.errors import Reason, ServiceError

T = TypeVar("T")

_REFUSALS_BY_AWS: Final = frozenset(
    {Reason.AWS_ACCESS_DENIED, Reason.AWS_INVALID_REQUEST, Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE}
)


async def or_warning(reading: Awaitable[T], what: str) -> tuple[T | None, list[str]]:
    """What `reading` gives and no warning; or None and a warning that names `what`, when AWS does not give it.

    Raises ServiceError for everything that is not AWS's doing.
    """
    try:
        return await reading, []
    except ServiceError as error:
        if error.reason not in _REFUSALS_BY_AWS:
            raise
        return None, [f"{what} could not be read: {error.message}"]
