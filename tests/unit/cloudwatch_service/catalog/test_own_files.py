"""Our own catalog: every entry is one that CloudWatch could have, says something, and is not AWS Labs' already."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from botocore.session import Session
from pydantic import ValidationError

from cloudwatch_service.catalog.awslabs_file import find_file, read_file
from cloudwatch_service.catalog.own_files import (
    AlarmInFile,
    MetricInFile,
    NamespaceFile,
    read_entries,
    read_namespaces,
)
from cloudwatch_service.domain.metrics.catalog import CatalogDimension

ROOT = Path(__file__).resolve().parents[4]
FILES = read_namespaces()
UNITS = set(Session().get_service_model("cloudwatch").shape_for("StandardUnit").enum)
STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d\d")
TEXT = re.compile(r"\S.{8,300}\.")
DIMENSION = re.compile(r"[A-Z]\w+( [A-Z]\w+)?|API_Id")
EXPECTED = {
    "AWS/AmazonMQ",
    "AWS/AppSync",
    "AWS/ApplicationELB",
    "AWS/Bedrock",
    "AWS/DocDB",
    "AWS/ES",
    "AWS/Events",
    "AWS/Firehose",
    "AWS/GatewayELB",
    "AWS/Kafka",
    "AWS/Logs",
    "AWS/Neptune",
    "AWS/NetworkELB",
    "AWS/States",
    "AWS/Usage",
    "AWS/WAFV2",
}
ONE_METRIC = """
namespace = "AWS/X"
sources = ["https://docs.aws.amazon.com/x"]
dimensions = [["A"], ["A", "B"]]

[[metrics]]
name = "M"
statistics = ["Sum", "p99"]
description = "Things."
"""
ONE_ALARM = """
[[metrics.alarms]]
description = "Fires."
intent = "Finds."
statistic = "Sum"
comparison = "GreaterThanThreshold"
justification = "None fits all."
evaluation_periods = 3
datapoints_to_alarm = 2
dimensions = ["A"]
"""


def _twice(values: Iterable[str]) -> list[str]:
    listed = list(values)
    return sorted({value for value in listed if listed.count(value) > 1})


def _dimension_sets(file: NamespaceFile, metric: MetricInFile) -> tuple[tuple[str, ...], ...]:
    return file.dimensions if metric.dimensions is None else metric.dimensions


def test_the_namespaces_that_aws_labs_file_lacks() -> None:
    names = [file.namespace for file in FILES]
    assert _twice(names) == []
    assert set(names) >= EXPECTED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.namespace)
def test_names_and_texts_of_a_namespace(file: NamespaceFile) -> None:
    assert re.fullmatch(r"AWS(/[A-Za-z0-9]+)+", file.namespace)
    assert _twice(metric.name for metric in file.metrics) == []
    assert _twice(metric.description for metric in file.metrics) == []
    assert all(source.startswith("https://docs.aws.amazon.com/") for source in file.sources)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.namespace)
def test_every_metric_is_one_that_cloudwatch_could_have(file: NamespaceFile) -> None:
    assert [fault for metric in file.metrics for fault in _faults_of_metric(file, metric)] == []


def _faults_of_metric(file: NamespaceFile, metric: MetricInFile) -> Iterator[str]:
    sets = _dimension_sets(file, metric)
    rules = {
        "name": re.fullmatch(r"[\w.-]+", metric.name),
        "unit": metric.unit is None or metric.unit in UNITS,
        "statistics": all(map(STATISTIC.fullmatch, metric.statistics)) and not _twice(metric.statistics),
        "description": TEXT.fullmatch(metric.description),
        "dimension sets twice": not _twice(" + ".join(sorted(names)) for names in sets),
        "dimension twice": not any(map(_twice, sets)),
        "dimension name": all(DIMENSION.fullmatch(name) for names in sets for name in names),
    }
    yield from (f"{metric.name}: {rule}" for rule, holds in rules.items() if not holds)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.namespace)
def test_every_alarm_is_one_that_cloudwatch_accepts(file: NamespaceFile) -> None:
    faults = [
        f"{metric.name}: {fault}"
        for metric in file.metrics
        for alarm in metric.alarms
        for fault in _faults_of_alarm(alarm, metric, _dimension_sets(file, metric))
    ]
    assert faults == []


def _faults_of_alarm(alarm: AlarmInFile, metric: MetricInFile, sets: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    texts = (alarm.description, alarm.intent, alarm.justification)
    # AWS API: PutMetricAlarm.EvaluationPeriods - a day in all, or a week with periods of an hour or more.
    longest_s = 604_800 if alarm.period_s >= 3_600 else 86_400
    rules = {
        "statistic": alarm.statistic in metric.statistics,
        "period": alarm.period_s > 0 and alarm.period_s % 60 == 0,
        "datapoints": 1 <= alarm.datapoints_to_alarm <= alarm.evaluation_periods,
        "time": alarm.evaluation_periods * alarm.period_s <= longest_s,
        "dimensions": alarm.dimensions in sets,
        "texts": all(map(TEXT.fullmatch, texts)) and not _twice(texts),
    }
    yield from (rule for rule, holds in rules.items() if not holds)


def test_no_two_alarms_say_the_same() -> None:
    alarms = [alarm for file in FILES for metric in file.metrics for alarm in metric.alarms]
    assert _twice(alarm.description for alarm in alarms) == []
    assert _twice(alarm.intent for alarm in alarms) == []


def test_nothing_overlaps_with_aws_labs_file() -> None:
    published, _ = read_file(find_file())
    assert {entry.namespace for entry in published} & {file.namespace for file in FILES} == set()


def test_an_entry_says_what_it_is_published_by(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(ONE_METRIC + ONE_ALARM)
    [entry] = read_entries(tmp_path)
    assert entry.description == "Things. Dimensions: A; A + B."
    assert (entry.recommended_statistics, entry.unit) == ("Sum, p99", "")
    [alarm] = entry.alarms
    assert alarm.threshold is None
    assert (alarm.period_s, alarm.treat_missing_data) == (60, "missing")
    assert alarm.dimensions == (CatalogDimension("A"),)


def test_a_metric_of_the_whole_account(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(ONE_METRIC + "dimensions = [[]]\n")
    [entry] = read_entries(tmp_path)
    assert entry.description == "Things. Dimensions: none."


def test_unknown_dimensions_are_not_mentioned(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(ONE_METRIC + "dimensions = []\n")
    [entry] = read_entries(tmp_path)
    assert entry.description == "Things."


@pytest.mark.parametrize("fault", ['unti = "Count"\n', "statistics = []\n", ONE_ALARM.replace("Greater", "Grater")])
def test_faults_are_not_overlooked(tmp_path: Path, fault: str) -> None:
    text = ONE_METRIC + fault if "statistics" not in fault else ONE_METRIC.replace('["Sum", "p99"]', "[]")
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ValidationError):
        read_entries(tmp_path)


def test_the_document_lists_namespaces_and_counts() -> None:
    rows = [
        f"| `{file.namespace}` | {len(file.metrics)} | {sum(len(metric.alarms) for metric in file.metrics)} |"
        for file in sorted(FILES, key=lambda file: file.namespace)
    ]
    document = (ROOT / "docs" / "tools" / "metric-catalog.md").read_text().splitlines()
    assert [line for line in document if line.startswith("| `AWS/")] == rows


def test_the_wheel_holds_the_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)  # noqa: S603
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {
            Path(name).name for name in archive.namelist() if name.startswith("cloudwatch_service/catalog/metrics/")
        }
    assert held == {path.name for path in (ROOT / "cloudwatch_service" / "catalog" / "metrics").iterdir()}
    assert len(held) == len(FILES)
