"""The frontend's side of the drawing process: started for the first chart, one chart at a time, replaced when it dies.

It must not import what draws. Why there is a process at all is in docs/adr/0015-charts-in-a-process.md.
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from mcp_frontend.charts.chart import Chart
from mcp_frontend.charts.job import DrawingError, draw_within
from servicekit.errors import ServiceError
from servicekit.worker_processes import WorkerBroken, WorkerProcesses

_log = logging.getLogger(__name__)
MAX_WAITING: Final = 16
MAX_WAITING_PER_USER: Final = 4
_DRAWING_TIMEOUT_S: Final = 20.0  # of one chart; the first one's includes the import of what draws


class ChartError(Exception):
    """There is no chart; the message says why, for a model."""


class Charts(Protocol):
    """Whoever draws."""

    async def draw(self, chart: Chart, within_s: float) -> bytes:
        """`chart` as a PNG file. Raises ChartError, also when it is not there in time."""
        ...


class ChartWorker:
    """Draws in one process of its own, and keeps a directory for it."""

    def __init__(self, *, drawing_timeout_s: float = _DRAWING_TIMEOUT_S) -> None:
        self._workers = WorkerProcesses(1, max_waiting=MAX_WAITING, max_waiting_per_user=MAX_WAITING_PER_USER)
        self._drawing_timeout_s = drawing_timeout_s
        self._directory: str | None = None

    async def draw(self, chart: Chart, within_s: float) -> bytes:
        """See Charts."""
        try:
            async with asyncio.timeout(within_s):
                return await self._workers.run(draw_within, chart, self._own_directory(), self._drawing_timeout_s)
        except ServiceError as error:
            raise ChartError("too many charts are being drawn; ask again in a few seconds") from error
        except TimeoutError as error:
            raise ChartError("drawing takes longer than the call may") from error
        except WorkerBroken as error:
            _log.warning("a chart was not drawn: %s", error)
            raise ChartError("the drawing process ended; ask again") from error
        except DrawingError as error:
            _log.warning("a chart was not drawn: %s", error)
            raise ChartError("these values could not be drawn") from error
        except OSError as error:
            _log.warning("charts cannot be drawn: %s", error)
            raise ChartError("this server cannot draw now") from error

    async def close(self) -> None:
        """End the process and remove its directory."""
        await self._workers.close()
        if self._directory is not None:
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    def _own_directory(self) -> str:
        """Made when it is needed: a file system that is full or read-only must not stop a start. Raises OSError."""
        self._directory = self._directory or tempfile.mkdtemp(prefix="cwmcp-charts-")
        return self._directory


@asynccontextmanager
async def chart_worker() -> AsyncIterator[ChartWorker]:
    """A worker that ends with the block."""
    worker = ChartWorker()
    try:
        yield worker
    finally:
        await worker.close()
