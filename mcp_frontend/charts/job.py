"""What the drawing process runs. It must not import what draws before it is there: the frontend imports this too."""

import os
import signal
from collections.abc import Callable
from functools import cache
from typing import Final

from mcp_frontend.charts.chart import Chart

_NICENESS: Final = 10  # whoever answers people goes first


class DrawingError(Exception):
    """A chart that cannot be drawn; the message says what drawing raised."""


def draw_within(chart: Chart, directory: str, timeout_s: float) -> bytes:
    """`chart` as a PNG file. `directory` is where what draws may write.

    When it takes longer than `timeout_s`, the process ends, which no loop and no library can prevent. Raises
    DrawingError.
    """
    signal.setitimer(signal.ITIMER_REAL, timeout_s)  # by default its signal ends the process
    try:
        return _drawing_in(directory)(chart)
    except Exception as error:
        # Its own class would make the frontend import what draws, to find that class.
        raise DrawingError(f"{type(error).__name__}: {error}"[:1_000]) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@cache
def _drawing_in(directory: str) -> Callable[[Chart], bytes]:
    """What draws, imported once; it keeps the list of its fonts in `directory`."""
    os.nice(_NICENESS)
    os.environ["MPLCONFIGDIR"] = directory  # noqa: TID251 - nothing is read; matplotlib takes it from nowhere else
    from mcp_frontend.charts.drawing import draw

    return draw
