"""The prompt that looks for errors in a log group."""

from datetime import datetime, timedelta
from typing import Final

from mcp_frontend.prompts.prompt import ACCOUNT, REGION, Argument, Given, Prompt, call, quoted
from servicekit.errors import invalid

_DEFAULT_HOURS: Final = 1.0
_MAX_HOURS: Final = 24 * 31
_ERRORS: Final = "filter @message like /(?i)(error|exception|fail|timeout|fatal)/"
_COUNTS: Final = f"{_ERRORS} | stats count(*) as events by bin(5m)"
_SAMPLES: Final = f"fields @timestamp, @logStream, @message | {_ERRORS} | sort @timestamp desc | limit 20"


def _hours(text: str) -> float:
    """Raises ServiceError."""
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= _MAX_HOURS:
        raise invalid("hours", f"hours must be a number above 0, at most {_MAX_HOURS}")
    return hours


def _write(given: Given, now: datetime) -> str:
    name = given["log_group_name"]
    hours = _hours(given.get("hours", str(_DEFAULT_HOURS)))
    end = now.replace(microsecond=0)
    window = {
        "start_time": (end - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_time": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    group = {"log_group_names": [name], **window}
    return f"""Find out which errors the CloudWatch log group {quoted(name)} holds from {window["start_time"]} to \
{window["end_time"]}, with the tools of this server.

1. Call {call("describe_log_groups", given, log_group_name_prefix=name)}. If no group has exactly this name, say which \
names come close and stop. Note storedBytes, which hints at what a query costs, and saved_queries made for it.
2. Call {call("analyze_log_group", given, log_group_arn=name, **window)}: anomalies, and which patterns of messages \
are frequent among those that look like errors.
3. Count over time: {call("execute_log_insights_query", given, **group, query_string=_COUNTS)}.
4. Read some: {call("execute_log_insights_query", given, **group, query_string=_SAMPLES)}. If the messages are JSON or \
have a level of their own, filter by that field instead: the words above also match lines that only mention an error.
5. Group what is alike by its cause and not by its wording, and count each group with stats over the same time. If a \
query ends as Polling Timeout, take a shorter time range.

Then report the groups, the most frequent first: how many, first and last time, one example each, whether it is new or \
steady over the time, and what it means for users. Name the lines that look like errors and are harmless. All times \
are UTC."""


FIND_LOG_ERRORS: Final = Prompt(
    name="find_log_errors",
    title="Find errors in a log group",
    description="Which errors a log group holds in the last hours: counted over time, grouped by cause, with examples.",
    arguments=(
        Argument("log_group_name", "Exact name of the log group", required=True),
        Argument("hours", "How many hours back; default 1"),
        ACCOUNT,
        REGION,
    ),
    write=_write,
)
