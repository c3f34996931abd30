"""Reads both sources once, in a thread, and hands out the catalog. It must not know what the entries are used for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from cloudwatch_service.catalog import awslabs_file, own_files
from cloudwatch_service.domain.metrics.catalog import MetricCatalog

_log = logging.getLogger(__name__)

CatalogSource = Callable[[], Awaitable[MetricCatalog]]
"""Gives the catalog, at once when it has been read."""

_REMEDY: Final = "install it with: pip install --no-deps --require-hashes -r metric-catalog.requirements.lock"


def read_catalog(find_awslabs_file: Callable[[], Path] = awslabs_file.find_file) -> MetricCatalog:
    """The whole catalog; AWS Labs' entry counts where both have one. Blocks for some hundredths of a second.

    Without AWS Labs' file the catalog is our own part, and says that it is incomplete. Raises OSError, ValueError when
    our own part is damaged.
    """
    own = own_files.read_entries()
    try:
        published, unusable = awslabs_file.read_file(find_awslabs_file())
    except awslabs_file.UnreadableFileError as error:
        _log.warning("metric catalog: only %d entries of our own, because %s; %s", len(own), error, _REMEDY)
        return MetricCatalog(own, is_complete=False)
    if unusable:
        _log.warning("metric catalog: AWS Labs' file has %d items of an unknown form; they are left out", unusable)
    return MetricCatalog([*published, *own], is_complete=not unusable)


class CatalogReader:
    """Reads the catalog when it is first wanted, once."""

    def __init__(self, read: Callable[[], MetricCatalog] = read_catalog) -> None:
        self._read = read
        self._reading: asyncio.Task[MetricCatalog] | None = None

    async def get(self) -> MetricCatalog:
        """The catalog; whoever comes while it is being read waits for the same reading. Raises what reading raises."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._read))
        return await asyncio.shield(self._reading)

    async def read_ahead(self) -> None:
        """Have it ready before somebody asks. Raises what reading raises."""
        await self.get()
