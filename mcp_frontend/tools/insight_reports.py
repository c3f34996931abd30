"""Contributor Insights rules and reports as tool results, bounded, with a way to the rest."""

from collections.abc import Sequence
from typing import Final

from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2 as pb

from mcp_frontend.tools.bounds import MAX_LIST_CHARACTERS, take_fitting
from mcp_frontend.tools.schemas import OBJECT, TEXT, JsonObject, listing, nullable, record
from mcp_frontend.tools.times import format_time, format_time_ms

MAX_DATAPOINTS: Final = 2_000
"""In one answer, at some 50 characters each."""
_MAX_KEY_CHARACTERS: Final = 1_000

RULES_OUTPUT: Final = record(rules=listing(OBJECT), next_page_token=nullable(TEXT))
OUTPUT: Final = record(contributors=listing(OBJECT), message=nullable(TEXT))


def render_rules(page: pb.ListInsightRulesResponse) -> JsonObject:
    """The result of list_contributor_insights_rules."""
    return {
        "rules": [_rule(rule) for rule in page.rules],
        "next_page_token": page.next_page_token or None,
        "message": None if page.rules or page.next_page_token else "There are no rules in this account and region.",
    }


def render(report: pb.GetInsightRuleReportResponse, *, with_datapoints: bool) -> JsonObject:
    """The result of get_contributor_insights_report. Beyond the bound, the newest datapoints of each one stay."""
    total = sum(len(one.times_ms) for one in report.contributors)
    share = total if total <= MAX_DATAPOINTS else MAX_DATAPOINTS // len(report.contributors)
    rendered = (_contributor(one, report, share if with_datapoints else 0) for one in report.contributors)
    contributors = take_fitting(rendered, 2 * MAX_LIST_CHARACTERS)
    return {
        "start_time": format_time(report.start_time),
        "end_time": format_time(report.end_time),
        "period": report.period_s,
        "aggregation_statistic": report.aggregation_statistic,
        "aggregate_value": report.aggregate_value,
        "approximate_unique_count": report.approximate_unique_count,
        "contributors": contributors,
        "message": _message(report, len(contributors), share if share < total else None),
    }


def _message(report: pb.GetInsightRuleReportResponse, shown: int, share: int | None) -> str | None:
    remarks = []
    if not report.contributors:
        remarks.append("Nothing matched the rule in this time. See its state and filters in the list of rules.")
    if shown < len(report.contributors):
        remarks.append(f"{shown} of {len(report.contributors)} contributors are shown; set a smaller max_contributors.")
    if share is not None:
        remarks.append(f"At most the newest {share} datapoints of each are shown; set a longer period.")
    return " ".join(remarks) or None


def _rule(rule: pb.InsightRule) -> JsonObject:
    return {
        "name": rule.name,
        "state": rule.state,
        "managed": rule.managed,
        "log_groups": _first(rule.log_groups),
        "keys": list(rule.keys),
        "aggregate_on": rule.aggregate_on,
        **({"value_of": rule.value_of} if rule.value_of else {}),
        **({"filters": _first(rule.filters)} if rule.filters else {}),
    }


def _first(texts: Sequence[str]) -> list[str]:
    """The first texts that fit, and how many more there are."""
    shown = take_fitting(texts, _MAX_KEY_CHARACTERS, len)
    more = len(texts) - len(shown)
    return [*shown, f"… and {more} more"] if more else shown


def _contributor(one: pb.InsightContributor, report: pb.GetInsightRuleReportResponse, share: int) -> JsonObject:
    total = report.aggregate_value
    rendered: JsonObject = {
        "keys": _keys(report.key_labels, one.keys),
        "approximate_value": one.approximate_value,
    }
    if total > 0:
        rendered["percent"] = round(100 * one.approximate_value / total, 2)
    if share:
        points = zip(one.times_ms[-share:], one.values[-share:], strict=True)
        rendered["datapoints"] = [{"timestamp": format_time_ms(time_ms), "value": value} for time_ms, value in points]
    return rendered


def _keys(labels: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """The values by label; one without a label, or with the label of another, is named by its place."""
    named: dict[str, str] = {}
    for place, value in enumerate(values):
        label = labels[place] if place < len(labels) and labels[place] not in named else f"key{place + 1}"
        named[label] = value[:_MAX_KEY_CHARACTERS]
    return named
