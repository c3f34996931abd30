"""Reading the catalog: both parts, once, and our own part alone when AWS Labs' file is not there."""

import json
import logging
import threading
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from cloudwatch_service.catalog import awslabs_file
from cloudwatch_service.catalog.reader import CatalogReader, read_catalog
from cloudwatch_service.domain.metrics.catalog import MetricCatalog

OWN = ("AWS/GatewayELB", "HealthyHostCount")


def test_both_parts() -> None:
    catalog = read_catalog()
    assert catalog.is_complete
    assert catalog.find("AWS/Lambda", "Duration") is not None
    assert catalog.find(*OWN) is not None


def test_aws_labs_entry_counts_where_both_have_one(tmp_path: Path) -> None:
    path = tmp_path / "metric_metadata.json"
    path.write_text(
        json.dumps([{"metricId": dict(zip(("namespace", "metricName"), OWN, strict=True)), "unitInfo": "U"}])
    )
    found = read_catalog(lambda: path).find(*OWN)
    assert found is not None
    assert found.unit == "U"


def test_without_the_distribution_our_own_part_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def not_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(awslabs_file, "distribution", not_installed)
    catalog = read_catalog()
    assert not catalog.is_complete
    assert catalog.find(*OWN) is not None
    assert catalog.find("AWS/Lambda", "Duration") is None
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "awslabs.cloudwatch-mcp-server is not installed" in record.getMessage()
    assert "metric-catalog.requirements.lock" in record.getMessage()


def test_a_broken_file_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metric_metadata.json"
    path.write_text("{")
    assert not read_catalog(lambda: path).is_complete
    [record] = caplog.records
    assert "is not JSON" in record.getMessage()


def test_unknown_items_are_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metric_metadata.json"
    path.write_text(json.dumps([{"metricId": {"namespace": "AWS/X", "metricName": "M"}}, 1, 2]))
    catalog = read_catalog(lambda: path)
    assert not catalog.is_complete
    assert catalog.find("AWS/X", "M") is not None
    [record] = caplog.records
    assert "2 items" in record.getMessage()


async def test_it_is_read_once_and_not_in_the_event_loops_thread() -> None:
    threads = []

    def read() -> MetricCatalog:
        threads.append(threading.current_thread())
        return MetricCatalog([])

    reader = CatalogReader(read)
    await reader.read_ahead()
    assert await reader.get() is await reader.get()
    [thread] = threads
    assert thread is not threading.main_thread()


async def test_a_failed_reading_reaches_whoever_asks() -> None:
    def read() -> MetricCatalog:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        await CatalogReader(read).get()
