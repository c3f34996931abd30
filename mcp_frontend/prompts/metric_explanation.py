"""The prompt that explains what a metric means and how it behaves."""

from datetime import datetime
from typing import Final

from mcp_frontend.prompts.prompt import ACCOUNT, REGION, Argument, Given, Prompt, call, quoted
from servicekit.errors import invalid


def _dimensions(text: str) -> list[dict[str, str]]:
    """`Name=Value` pairs, separated by commas, in the form that tools take. Raises ServiceError."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and value.strip() for name, _, value in pairs):
        raise invalid("dimensions", "dimensions must be written as Name=Value, several of them separated by commas")
    return [{"name": name.strip(), "value": value.strip()} for name, _, value in pairs]


def _write(given: Given, _now: datetime) -> str:
    namespace, metric_name = given["namespace"], given["metric_name"]
    metric = {"namespace": namespace, "metric_name": metric_name}
    one = {**metric, "dimensions": _dimensions(given.get("dimensions", ""))}
    return f"""Explain the CloudWatch metric {quoted(metric_name)} in the namespace {quoted(namespace)} to somebody \
who has to decide whether its values are good or bad. Use the tools of this server, and keep apart what is documented \
and what you see in the data.

1. Call {call("get_metric_metadata", {}, **metric)}: what it counts, its unit, and which statistics make sense. If \
it is not in the catalog, say that the meaning is a guess from its name.
2. Call {call("get_metric_data", given, **one)} with such a statistic for the last three hours: what it is like now. \
If it is empty, dimensions may be missing or more than the metric has: a metric is found only by all of its dimensions.
3. Call {call("analyze_metric", given, **one)} with the same statistic for its usual level, a daily or weekly rhythm, \
a trend and gaps over weeks. Say so where there is too little data to tell.
4. Call {call("get_recommended_metric_alarms", given, **one)}. A threshold of null is a decision that is left to \
whoever knows the system: propose one from the values seen, and say that it is a proposal.
5. Call {call("get_active_alarms", given)} and see whether an alarm watches this metric now.

Then answer in a few sentences: what the metric means, what is normal here, whether it is normal now, and what a \
useful alarm on it would look like, if anything is worth one. All times are UTC."""


EXPLAIN_METRIC: Final = Prompt(
    name="explain_metric",
    title="Explain a metric",
    description="What a metric means, how it usually behaves here, whether it is normal now, and which alarm fits it.",
    arguments=(
        Argument("namespace", "Such as AWS/Lambda", required=True),
        Argument("metric_name", "Such as Errors", required=True),
        Argument("dimensions", "All of them, as Name=Value, separated by commas"),
        ACCOUNT,
        REGION,
    ),
    write=_write,
)
