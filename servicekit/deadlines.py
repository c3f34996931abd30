"""How long the current call may still take, so that each hop asks the next for a little less than it has itself.

The idea is boulder's (grpc/interceptors.go): a callee that answers just before its caller gives up can still say what
was slow; a caller that has almost nothing left is told so before work begins.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from servicekit.errors import Reason, ServiceError

RETURN_MARGIN_S: Final = 0.02
MINIMUM_TO_BEGIN_S: Final = 0.05

_deadline: ContextVar[float | None] = ContextVar("cwmcp-deadline", default=None)


@contextmanager
def deadline_in(timeout_s: float) -> Iterator[None]:
    """End the current call, as seen by `remaining_s`, `timeout_s` from now or at an earlier deadline already set."""
    ends = asyncio.get_running_loop().time() + timeout_s
    outer = _deadline.get()
    token = _deadline.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_s(at_most_s: float) -> float:
    """Seconds that a sub-call may take: what is left less a margin to answer in, and no more than `at_most_s`.

    Raises ServiceError(DEADLINE_EXCEEDED) when too little is left to begin.
    """
    ends = _deadline.get()
    if ends is None:
        return at_most_s
    left = ends - asyncio.get_running_loop().time() - RETURN_MARGIN_S
    if left < MINIMUM_TO_BEGIN_S:
        raise ServiceError(Reason.DEADLINE_EXCEEDED, "too little time is left for the call")
    return min(left, at_most_s)
