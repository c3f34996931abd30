"""CloudWatch's PromQL HTTP API under /api/v1/, signed as `monitoring`.

Selectors are understood, expressions are not: any other query is answered with every series of the account. Operations
are named PromqlQuery, PromqlQueryRange, PromqlLabels, PromqlLabelValues and PromqlSeries, for the script. A scripted
answer is the whole body (see `success`); `fail_next("cloudwatch:PromqlQuery", "bad_data", 400, "parse error")` gives an
error in the API's own form.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.wire import AwsError, Call, epoch_s

PREFIX: Final = "/api/v1/"
_LABEL_VALUES: Final = re.compile(r"label/([^/]+)/values")
_OPERATIONS: Final = {
    "query": "PromqlQuery",
    "query_range": "PromqlQueryRange",
    "labels": "PromqlLabels",
    "series": "PromqlSeries",
}
_REQUIRED: Final = {
    "PromqlQuery": ["query"],
    "PromqlQueryRange": ["query", "start", "end", "step"],
    "PromqlSeries": ["match[]", "start", "end"],
}
_LIMITS: Final = {"PromqlQuery": 500, "PromqlQueryRange": 500}
_MAX_LISTED: Final = 10_000
_UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+)([smhd])")
_MAX_RANGE_S: Final = 7 * 86_400
_MATCHER: Final = (
    r'\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[\w.:]+))\s*(?:(?P<operator>=~|!~|!=|=)\s*"(?P<value>[^"]*)")?\s*'
)
_ONE_MATCHER: Final = re.compile(_MATCHER)
_ANY_MATCHER: Final = re.sub(r"\?P<\w+>", "?:", _MATCHER)
_SELECTOR: Final = re.compile(rf"\s*([\w:]*)\s*(?:\{{((?:{_ANY_MATCHER},)*(?:{_ANY_MATCHER})?)\}})?\s*")


def read(path: str, query: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Operation and parameters of a request: each parameter is the list of its values. `path` is still encoded."""
    rest = path.removeprefix(PREFIX)
    parameters: dict[str, Any] = parse_qs(query, keep_blank_values=True)
    for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items():
        parameters.setdefault(name, []).extend(values)
    label = _LABEL_VALUES.fullmatch(rest)
    if label is not None:
        return "PromqlLabelValues", {**parameters, "label": [unquote(label[1])]}
    return _OPERATIONS.get(rest, rest), parameters


def success(data: Any, **more: Any) -> dict[str, Any]:
    """The body of a good answer; `more` are its warnings and infos."""
    return {"status": "success", "data": data, **more}


def result(result_type: str, value: Any, **more: Any) -> dict[str, Any]:
    """The body of a good answer to a query."""
    return success({"resultType": result_type, "result": value}, **more)


def answer(account: Account, call: Call) -> dict[str, Any]:
    """What the account's series give. Raises the API's errors."""
    for name in _REQUIRED.get(call.operation, []):
        if not any(call.parameters.get(name, [])):
            raise AwsError("bad_data", 400, f"parameter {name} is required")
    if (_number(call, "end") or 0) - (_number(call, "start") or 0) > _MAX_RANGE_S and _number(call, "start"):
        raise AwsError("execution", 422, "the query range is longer than 7d")
    found = [series for series in account.promql_series if _is_wanted(series["metric"], call)]
    region = {"@aws.account_id": account.account_id, "@aws.region": call.region}
    metrics = [{**series["metric"], **region} for series in found]
    match call.operation:
        case "PromqlQuery":
            moment_s = _number(call, "time") or account.clock()
            return _limited(call, [_sample(m, moment_s, s["value"]) for m, s in zip(metrics, found, strict=True)])
        case "PromqlQueryRange":
            steps = _steps(call)
            return _limited(call, [_samples(m, steps, s["value"]) for m, s in zip(metrics, found, strict=True)])
        case "PromqlLabels":
            return _limited(call, sorted({name for metric in metrics for name in metric}))
        case "PromqlLabelValues":
            (label,) = call.parameters["label"]
            return _limited(call, sorted({metric[label] for metric in metrics if label in metric}))
        case "PromqlSeries":
            return _limited(call, metrics)
    raise AwsError("not_found", 404, "no such path")


def _sample(metric: Mapping[str, str], moment_s: float, value: str) -> dict[str, Any]:
    return {"metric": metric, "value": [moment_s, value]}


def _samples(metric: Mapping[str, str], steps: list[float], value: str) -> dict[str, Any]:
    return {"metric": metric, "values": [[moment_s, value] for moment_s in steps]}


def _steps(call: Call) -> list[float]:
    start, end, step = (_number(call, name) or 0.0 for name in ("start", "end", "step"))
    return [start + number * step for number in range(int((end - start) / step) + 1)]


def _limited(call: Call, found: list[Any]) -> dict[str, Any]:
    """As much of the answer as the limit allows, with a warning where that is not all."""
    most = _LIMITS.get(call.operation, _MAX_LISTED)
    limit = int(_number(call, "limit") or most)
    if not 1 <= limit <= most:
        raise AwsError("bad_data", 400, f"limit must be from 1 to {most}")
    warnings = {"warnings": [f"results truncated to {limit}"]} if len(found) > limit else {}
    types = {"PromqlQuery": "vector", "PromqlQueryRange": "matrix"}
    if call.operation in types:
        return result(types[call.operation], found[:limit], **warnings)
    return success(found[:limit], **warnings)


def _number(call: Call, name: str) -> float | None:
    """A parameter as a number: seconds where it is a time in RFC 3339 or a duration such as 5m."""
    values = call.parameters.get(name)
    if not values:
        return None
    duration = _DURATION.fullmatch(values[0])
    try:
        if duration is not None:
            return int(duration[1]) * _UNITS_S[duration[2]]
        return epoch_s(values[0]) if "T" in values[0] else float(values[0])
    except ValueError:
        raise AwsError("bad_data", 400, f'invalid parameter "{name}": cannot parse "{values[0]}"') from None


def _is_wanted(metric: Mapping[str, str], call: Call) -> bool:
    """Whether a series is meant: by any of the selectors, or by a query that is one."""
    selectors = call.parameters.get("match[]", [])
    if not selectors and "query" in call.parameters and _SELECTOR.fullmatch(call.parameters["query"][0]):
        selectors = call.parameters["query"]
    return not selectors or any(_matches(metric, selector) for selector in selectors)


def _matches(metric: Mapping[str, str], selector: str) -> bool:
    found = _SELECTOR.fullmatch(selector)
    if found is None or not (found[1] or found[2]):
        raise AwsError("bad_data", 400, f'invalid parameter "match[]": 1:1: parse error: unexpected "{selector}"')
    if found[1] and metric["__name__"] != found[1]:
        return False
    return all(_fits(metric, matcher) for matcher in _ONE_MATCHER.finditer(found[2] or ""))


def _fits(metric: Mapping[str, str], matcher: re.Match[str]) -> bool:
    name, value = matcher["quoted"] or matcher["bare"], matcher["value"]
    if matcher["operator"] is None:
        return metric["__name__"] == name
    is_equal = metric.get(name, "") == value
    if "~" in matcher["operator"]:
        is_equal = re.fullmatch(value, metric.get(name, "")) is not None
    return is_equal != matcher["operator"].startswith("!")
