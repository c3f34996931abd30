"""AWS Labs' file: read as it is, found without importing anything, and never trusted to be there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudwatch_service.catalog.awslabs_file import UnreadableFileError, find_file, read_file
from cloudwatch_service.domain.metrics.catalog import CatalogDimension, CatalogEntry, RecommendedAlarm

ALARM = {
    "alarmDescription": "what",
    "intent": "why",
    "statistic": "p90",
    "period": 60,
    "evaluationPeriods": 15,
    "datapointsToAlarm": 10,
    "comparisonOperator": "GreaterThanThreshold",
    "treatMissingData": "notBreaching",
    "threshold": {"justification": "how"},
    "dimensions": [{"name": "FunctionName"}, {"name": "Role", "value": "WRITER"}],
}


def _item(**more: Any) -> dict[str, Any]:
    return {"metricId": {"namespace": "AWS/X", "metricName": "M"}, **more}


def _file(folder: Path, content: object) -> Path:
    path = folder / "metric_metadata.json"
    path.write_text(json.dumps(content))
    return path


def test_every_field_is_read(tmp_path: Path) -> None:
    item = _item(description="d", recommendedStatistics="Sum, p90", unitInfo="Count", alarmRecommendations=[ALARM])
    assert read_file(_file(tmp_path, [item])) == (
        [
            CatalogEntry(
                "AWS/X",
                "M",
                "d",
                "Sum, p90",
                "Count",
                (
                    RecommendedAlarm(
                        description="what",
                        intent="why",
                        statistic="p90",
                        period_s=60,
                        evaluation_periods=15,
                        datapoints_to_alarm=10,
                        comparison_operator="GreaterThanThreshold",
                        treat_missing_data="notBreaching",
                        threshold=None,
                        threshold_justification="how",
                        dimensions=(CatalogDimension("FunctionName"), CatalogDimension("Role", "WRITER")),
                    ),
                ),
            )
        ],
        0,
    )


@pytest.mark.parametrize(
    ("threshold", "read"),
    [({}, None), ({"staticValue": None}, None), ({"staticValue": 0}, 0.0), ({"staticValue": 1}, 1)],
)
def test_a_threshold_without_a_number_is_none_and_zero_stays_zero(
    tmp_path: Path, threshold: dict[str, Any], read: float | None
) -> None:
    """The peer reports 0.0 for all that have no number."""
    [entry], _ = read_file(_file(tmp_path, [_item(alarmRecommendations=[{**ALARM, "threshold": threshold}])]))
    assert entry.alarms[0].threshold == read


def test_what_an_entry_lacks_is_empty_or_the_default(tmp_path: Path) -> None:
    alarm = {"statistic": "Sum", "comparisonOperator": "GreaterThanThreshold"}
    [entry], _ = read_file(_file(tmp_path, [_item(unitInfo=None, alarmRecommendations=[alarm])]))
    assert (entry.description, entry.recommended_statistics, entry.unit) == ("", "", "")
    [read] = entry.alarms
    assert (read.period_s, read.evaluation_periods, read.datapoints_to_alarm) == (300, 1, 1)
    assert (read.treat_missing_data, read.threshold, read.dimensions) == ("missing", None, ())


@pytest.mark.parametrize(
    "item",
    [None, 7, {}, {"metricId": {"namespace": "AWS/X"}}, {"metricId": {"namespace": "", "metricName": "M"}}],
)
def test_items_of_another_form_are_counted_and_left_out(tmp_path: Path, item: object) -> None:
    entries, unusable = read_file(_file(tmp_path, [item, _item()]))
    assert ([entry.metric_name for entry in entries], unusable) == (["M"], 1)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '[{"a": 1}]', "[" * 100_000])
def test_a_broken_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metric_metadata.json"
    path.write_text(content)
    with pytest.raises(UnreadableFileError, match=r"metric_metadata\.json"):
        read_file(path)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_file(tmp_path / "metric_metadata.json")


def test_what_is_installed() -> None:
    entries, unusable = read_file(find_file())
    alarms = [alarm for entry in entries for alarm in entry.alarms]
    assert (len(entries), unusable, len(alarms)) == (1179, 0, 156)
    assert sum(alarm.threshold is not None for alarm in alarms) == 92


def test_nothing_of_the_distribution_is_imported() -> None:
    code = (
        "import sys; from cloudwatch_service.catalog.reader import read_catalog; "
        "assert read_catalog().is_complete; assert not [name for name in sys.modules if name.startswith('awslabs')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
