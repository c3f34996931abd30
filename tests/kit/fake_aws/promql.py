"""CloudWatch's PromQL HTTP API under /api/v1/, signed as `monitoring`; the expressions are not evaluated.

Operations are named PromqlQuery, PromqlQueryRange, PromqlLabels, PromqlLabelValues and PromqlSeries, for the script.
A scripted answer is the whole body: {"status": "success", "data": ...}.
"""

import re
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.wire import AwsError, Call

PREFIX: Final = "/api/v1/"
_LABEL_VALUES: Final = re.compile(r"label/([^/]+)/values")
_OPERATIONS: Final = {
    "query": "PromqlQuery",
    "query_range": "PromqlQueryRange",
    "labels": "PromqlLabels",
    "series": "PromqlSeries",
}


def read(path: str, query: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Operation and parameters of a request: each parameter is the list of its values."""
    rest = path.removeprefix(PREFIX)
    parameters: dict[str, Any] = parse_qs(query, keep_blank_values=True)
    for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items():
        parameters.setdefault(name, []).extend(values)
    label = _LABEL_VALUES.fullmatch(rest)
    if label is not None:
        return "PromqlLabelValues", {**parameters, "label": [unquote(label[1])]}
    return _OPERATIONS.get(rest, rest), parameters


def answer(account: Account, call: Call) -> dict[str, Any]:
    """A fixed answer that names the account."""
    labels = {"__name__": "up", "@aws.account_id": account.account_id, "@aws.region": call.region}
    moment_s = float(account.clock())
    value = [moment_s, "1"]
    required = {"PromqlQuery": ["query"], "PromqlQueryRange": ["query", "start", "end", "step"]}
    required["PromqlSeries"] = ["match[]", "start", "end"]
    for name in required.get(call.operation, []):
        if not any(call.parameters.get(name, [])):
            raise AwsError("bad_data", 400, f"parameter {name} is required")
    answers: dict[str, Any] = {
        "PromqlQuery": {"resultType": "vector", "result": [{"metric": labels, "value": value}]},
        "PromqlQueryRange": {"resultType": "matrix", "result": [{"metric": labels, "values": [value]}]},
        "PromqlLabels": sorted(labels),
        "PromqlLabelValues": [f"value-{account.account_id}-1", f"value-{account.account_id}-2"],
        "PromqlSeries": [labels],
    }
    if call.operation not in answers:
        raise AwsError("not_found", 404, "no such path")
    return {"status": "success", "data": answers[call.operation]}
