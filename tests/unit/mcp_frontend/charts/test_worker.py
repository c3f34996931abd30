"""The drawing process: a real one."""

import asyncio
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_frontend.charts.chart import Chart, Series
from mcp_frontend.charts.worker import MAX_WAITING_PER_USER, ChartError, ChartWorker, chart_worker

CHART = Chart("t", "s", "v", 0, 60_000, (Series("a", array("q", [0, 60_000]), array("d", [1.0, 2.0]), 60),))
PNG = b"\x89PNG\r\n\x1a\n"
WITHIN_S = 25.0


class _Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def _titled(title: Any) -> Chart:
    return Chart(title, CHART.subtitle, CHART.value_label, CHART.start_ms, CHART.end_ms, CHART.series)


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


@pytest.fixture
async def worker() -> AsyncIterator[ChartWorker]:
    async with chart_worker() as running:
        yield running


def test_the_frontend_itself_imports_nothing_that_draws() -> None:
    """It would be ready a second later, and every chart would stop everybody."""
    code = "import mcp_frontend.app, sys; print(*({'matplotlib', 'numpy', 'PIL'} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    imported = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - our own words
    assert imported.stdout.strip() == ""


async def test_nothing_is_started_or_written_before_the_first_chart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with chart_worker() as worker:
        assert _names(tmp_path) == []
        assert (await worker.draw(CHART, WITHIN_S)).startswith(PNG)
        (directory,) = _names(tmp_path)
        assert any(name.startswith("fontlist") for name in _names(tmp_path / directory))
    assert _names(tmp_path) == []


async def test_what_cannot_be_drawn_is_an_error_and_harms_nobody(worker: ChartWorker) -> None:
    with pytest.raises(ChartError, match="could not be drawn"):
        await worker.draw(_titled(None), WITHIN_S)
    assert (await worker.draw(CHART, WITHIN_S)).startswith(PNG)


async def test_a_process_that_dies_is_replaced(worker: ChartWorker) -> None:
    with pytest.raises(ChartError, match="ended"):
        await worker.draw(_titled(_Deadly()), WITHIN_S)
    assert (await worker.draw(CHART, WITHIN_S)).startswith(PNG)


async def test_a_chart_that_takes_too_long_ends_the_process() -> None:
    worker = ChartWorker(drawing_timeout_s=0.001)
    with pytest.raises(ChartError, match="ended"):
        await worker.draw(CHART, WITHIN_S)
    await worker.close()


async def test_nobody_waits_longer_than_they_may(worker: ChartWorker) -> None:
    for within_s in (0.0, -1.0):
        with pytest.raises(ChartError, match="longer"):
            await worker.draw(CHART, within_s)


async def test_the_queue_is_bounded(worker: ChartWorker) -> None:
    drawing = [worker.draw(CHART, WITHIN_S) for _ in range(MAX_WAITING_PER_USER + 2)]  # one is drawn meanwhile
    *pngs, refused = await asyncio.gather(*drawing, return_exceptions=True)
    assert all(isinstance(png, bytes) for png in pngs)
    assert isinstance(refused, ChartError)
    assert "too many" in str(refused)
    assert (await worker.draw(CHART, WITHIN_S)).startswith(PNG)


async def test_calls_given_up_free_their_places(worker: ChartWorker) -> None:
    waiting = [asyncio.create_task(worker.draw(CHART, WITHIN_S)) for _ in range(MAX_WAITING_PER_USER + 1)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await worker.draw(CHART, WITHIN_S)).startswith(PNG)


async def test_without_a_place_to_write_there_is_no_chart(
    worker: ChartWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(ChartError, match="cannot draw"):
        await worker.draw(CHART, WITHIN_S)
