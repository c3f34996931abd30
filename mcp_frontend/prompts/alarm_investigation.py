"""The prompt that leads from an alarm to its cause."""

from datetime import datetime
from typing import Final

from mcp_frontend.prompts.prompt import ACCOUNT, REGION, Argument, Given, Prompt, call, quoted


def _write(given: Given, _now: datetime) -> str:
    name = given["alarm_name"]
    return f"""Find out why the CloudWatch alarm {quoted(name)} went off, with the tools of this server. \
State only what a tool has answered; say what stays unknown.

1. Call {call("get_alarm_history", given, alarm_name=name)}. Note what the alarm watches, its threshold, when its \
state changed and the time_range_suggestions. If alarm_details has an alarm_rule, the alarm is made of others: call it \
once more with include_component_alarms true, and go on with the components that are in ALARM, each by its own history.
2. Call {call("get_active_alarms", given)}. Alarms that changed at about the same time may have the same cause.
3. Take the newest suggested range. Call {call("get_metric_data", given)} for it with the alarm's namespace, \
metric_name, statistic and dimensions (as objects with name and value). For an alarm with an expression, put its lines \
into queries instead. Call get_metric_metadata if it is not clear what the metric counts. Add chart true if \
a picture helps. When did the values leave their usual level, how far, and are they back?
4. Find the logs of what the metric belongs to: {call("describe_log_groups", given)} with a log_group_name_prefix \
that follows from namespace and dimensions, such as /aws/lambda/ and the function's name. If nothing fits, go on \
without logs and say so.
5. Call {call("execute_log_insights_query", given)} on the group for the same range. First count what looks like \
errors over time, then read some of them around the change. Log queries cost by the data they scan, so do not widen \
the range without a reason.

Then report in a few sentences: what happened, since when, whether it goes on, the most likely cause with the evidence \
for it, what speaks against it, and what to check next. All times are UTC."""


INVESTIGATE_ALARM: Final = Prompt(
    name="investigate_alarm",
    title="Investigate an alarm",
    description="From an alarm to its likely cause: history, related alarms, metric and logs of the time it went off.",
    arguments=(Argument("alarm_name", "Exact name of the alarm", required=True), ACCOUNT, REGION),
    write=_write,
)
