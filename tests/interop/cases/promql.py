"""Calls of the PromQL tools.

Those that fail are slow: the peer tries three times, with pauses of three seconds in all.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import Case, World, ago, answer, deny
from tests.interop.comparison import FAILURE
from tests.interop.reasons import UNTOLD
from tests.kit.fake_aws.promql import result, success

_RANGE: Final = {"start": "1772359200", "end": "1772362800", "step": "5m"}
_UP: Final = '{"up"}'
_REQUESTS: Final = '{"http.server.requests"}'


def _requests(world: World) -> None:
    world.account.add_promql_series("http.server.requests", {"job": "web", "@resource.service.name": "shop"}, value="7")
    world.account.add_promql_series("http.server.requests", {"job": "batch"}, value="NaN")


def _query(name: str, query: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    moment = {"query": query, "time": "1772362800"}
    return Case("execute_promql_query", name, {**moment, **(arguments or {})}, **options)


def _range(name: str, query: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    return Case("execute_promql_range_query", name, {"query": query, **_RANGE, **(arguments or {})}, **options)


def _values(name: str, label: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    return Case("get_promql_label_values", name, {"label_name": label, **(arguments or {})}, **options)


def _series(name: str, *selectors: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    moments = {"start": _RANGE["start"], "end": _RANGE["end"]}
    return Case("get_promql_series", name, {"match": list(selectors), **moments, **(arguments or {})}, **options)


def _labels(name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    return Case("get_promql_labels", name, arguments or {}, **options)


CASES: Final = (
    _query("one metric", _UP),
    _query(
        "now",
        _UP,
        {"time": None},
        holds=answer("cloudwatch:PromqlQuery", result("vector", [{"metric": {}, "value": [1772362800.5, "1"]}])),
    ),
    _query("a time in RFC 3339", _UP, {"time": ago(1)}),
    _query("labels and values of every kind", _REQUESTS, holds=_requests),
    _query("nothing found", '{"none"}'),
    _query("another region", _UP, {"region": "eu-central-1"}),
    _query(
        "a scalar",
        "1 + 1",
        holds=answer("cloudwatch:PromqlQuery", result("scalar", [1772362800, "2"])),
        differs={FAILURE: reasons.SCALARS_FAIL},
    ),
    _query(
        "with a warning of AWS",
        _UP,
        holds=answer("cloudwatch:PromqlQuery", result("vector", [], warnings=["results truncated"])),
        differs={"warnings": reasons.WARNINGS_DROPPED},
    ),
    _query(
        "what is no PromQL",
        "up{",
        holds=lambda world: world.aws.fail_next("cloudwatch:PromqlQuery", "bad_data", 400, "parse error", times=None),
        cause="parse error",
        differs=UNTOLD,
        is_slow=True,
    ),
    _query("a region that is none", _UP, {"region": "nowhere"}, cause="region", differs=UNTOLD),
    _query("no query", _UP, {"query": None}, cause="query"),
    _range("one metric", _UP),
    _range("a step in seconds", _UP, {"step": "600"}),
    _range("times in RFC 3339", _UP, {"start": ago(1), "end": ago(1, hours=1), "step": "1h"}),
    _range("nothing found", '{"none"}'),
    _range("a missing step", _UP, {"step": None}, cause="step"),
    _values("metrics", "__name__", holds=_requests),
    _values("a label with dots", "@resource.service.name"),
    _values("of one selector", "job", {"match": [_REQUESTS]}, holds=_requests),
    _values("selectors as JSON in text", "job", {"match": '["{job=\\"web\\"}"]'}, holds=_requests),
    _values("a label that nobody has", "nothing"),
    _values(
        "of two selectors",
        "__name__",
        {"match": [_UP, _REQUESTS]},
        holds=_requests,
        differs={FAILURE: reasons.SELECTORS_JOINED},
        is_slow=True,
    ),
    _series("one selector", _UP),
    _series("in a time range of RFC 3339", _UP, arguments={"start": ago(1), "end": ago(0)}),
    _series("a list that is none", _UP, holds=answer("cloudwatch:PromqlSeries", success(None))),
    _series(
        "two selectors", _UP, _REQUESTS, holds=_requests, differs={FAILURE: reasons.SELECTORS_JOINED}, is_slow=True
    ),
    _series(
        "without a time range",
        _UP,
        arguments={"start": None, "end": None},
        differs={FAILURE: reasons.RANGE_NEEDED},
        is_slow=True,
    ),
    _series("no selector", cause="match", differs=UNTOLD, is_slow=True),
    _labels("all"),
    _labels("of a selector", {"match": [_REQUESTS]}, holds=_requests),
    _labels("in a time range", {"start": _RANGE["start"], "end": _RANGE["end"]}),
    _labels("denied", holds=deny("cloudwatch:PromqlLabels"), cause="PromqlLabels", differs=UNTOLD, is_slow=True),
)
