"""What of each tool's answer may be spelled freely, and what ours says beyond the contract.

Paths name fields by dots and items of lists by []. The comparison takes nothing else for granted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Form:
    """A tool's answer: which fields are sentences (in `sentences_of_unknown`: of an alarm that is not there), which
    lists are sets, which times and (`rough`) numbers depend on when it was asked, and which fields are ours alone.
    """

    sentences: frozenset[str] = frozenset()
    sentences_of_unknown: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    moments: frozenset[str] = frozenset()
    rough: frozenset[str] = frozenset()
    beyond: frozenset[str] = frozenset()


def _form(**paths: Iterable[str]) -> Form:
    return Form(**{name: frozenset(given) for name, given in paths.items()})


_QUERY: Final = _form(sentences=["result.message"])

FORMS: Final[dict[str, Form]] = {
    "get_active_alarms": _form(sentences=["message"], beyond=["metric_alarms[].expression"]),
    "get_alarm_history": _form(
        sentences=[
            "result.message",
            "result.time_range_suggestions[].reason",
        ],
        sentences_of_unknown=[
            "result.alarm_details.alarm_description",
            "result.component_details[].alarm_description",
        ],
        sets=["result.component_alarms", "result.component_details"],
        beyond=["result.alarm_details.expression", "result.component_details[].expression"],
    ),
    "describe_log_groups": _form(
        sets=["saved_queries[].logGroupNames", "saved_queries[].logGroupPrefixes"],
        beyond=["next_page_token", "message"],
    ),
    "execute_log_insights_query": _QUERY,
    "get_logs_insight_query_results": _QUERY,
    "cancel_logs_insight_query": _form(),
    "analyze_log_group": _form(
        sentences=["top_patterns.message", "top_patterns_containing_errors.message"],
        beyond=["log_anomaly_results.message"],
    ),
    "execute_cwl_insights_batch": _form(sentences=["summary.warnings"], beyond=["summary.bytes_scanned"]),
    "recommend_indexes_loggroup": _form(
        sentences=["warnings"],
        rough=["recommendations[].score", "recommendations[].score_breakdown.recency_score"],
        beyond=["sample"],
    ),
    "recommend_indexes_account": _form(
        sentences=["warnings", "log_group_results[].warnings"],
        rough=[
            "log_group_results[].recommendations[].score",
            "log_group_results[].recommendations[].score_breakdown.recency_score",
        ],
    ),
    "analyze_metric": _form(
        sentences=["result.message"],
        moments=["result.metric_info.time_range.start", "result.metric_info.time_range.end"],
        beyond=["result.seasonality_strength"],
    ),
    "get_recommended_metric_alarms": _form(
        sentences=[
            "message",
            "recommendations[].alarmDescription",
            "recommendations[].intent",
            "recommendations[].threshold.justification",
            "recommendations[].cloudformation_template.Description",
            "recommendations[].cloudformation_template.Resources.ShopOrdersBranchnorthAlarm.Properties.AlarmDescription",
        ]
    ),
    "get_metric_metadata": _form(),
    "execute_promql_query": _form(beyond=["infos"]),
    "execute_promql_range_query": _form(beyond=["infos"]),
    "get_promql_label_values": _form(beyond=["infos"]),
    "get_promql_series": _form(beyond=["start", "end", "infos"]),
    "get_promql_labels": _form(beyond=["infos"]),
    "get_metric_data": _form(beyond=["metricDataResults[].period", "message"]),
}
