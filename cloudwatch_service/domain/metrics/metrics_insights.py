"""Writes Metrics Insights queries from parts, each quoted. It must not pass any part on unquoted.

The grammar and the rules for quotation marks are those of "Query components and syntax in CloudWatch Metrics Insights"
in the CloudWatch User Guide: identifiers in double marks, values in single marks, marks inside escaped by a backslash.
How a backslash or a control character itself would be written is not documented, so these are refused.
"""

import re
from dataclasses import dataclass
from typing import Final

from cloudwatch_service.domain.metrics.dimensions import Dimension
from servicekit.errors import invalid

FUNCTIONS: Final = ("AVG", "COUNT", "MAX", "MIN", "SUM")
SORT_ORDERS: Final = ("ASC", "DESC")
MAX_SERIES: Final = 500

_QUOTATION_MARK: Final = re.compile(r"""["']""")
_UNQUOTABLE: Final = re.compile(r"[\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class InsightsSelect:
    """The parts of a query. Empty text and 0 leave a part out."""

    namespace: str
    metric_name: str
    statistic: str
    filters: tuple[Dimension, ...] = ()
    schema_dimension_keys: tuple[str, ...] = ()
    group_by: str = ""
    order_by_statistic: str = ""
    sort_order: str = ""
    limit: int = 0


def build_select(select: InsightsSelect, field: str) -> str:
    """The query's text. `field` is the path of `select` in the request. Raises ServiceError naming the part at fault.

    Without schema keys it reads all metrics of the namespace: SCHEMA with a namespace alone would match only metrics
    that have no dimensions, which hardly any service publishes.
    """
    _check(select, field)
    metric = _identifier(select.metric_name, f"{field}.metric_name")
    clauses = [f"SELECT {select.statistic}({metric})", f"FROM {_source(select, field)}"]
    if select.filters:
        conditions = (_condition(one, f"{field}.filters[{n}]") for n, one in enumerate(select.filters))
        clauses.append("WHERE " + " AND ".join(conditions))
    if select.group_by:
        clauses.append(f"GROUP BY {_identifier(select.group_by, f'{field}.group_by')}")
    if select.order_by_statistic:
        clauses.append(f"ORDER BY {select.order_by_statistic}() {select.sort_order}".rstrip())
    if select.limit:
        clauses.append(f"LIMIT {select.limit}")
    return " ".join(clauses)


def _check(select: InsightsSelect, field: str) -> None:
    _one_of(select.statistic, FUNCTIONS, f"{field}.statistic")
    if select.group_by and select.group_by not in select.schema_dimension_keys:
        raise invalid(f"{field}.group_by", f"group_by {select.group_by!r} is not among schema_dimension_keys")
    if select.schema_dimension_keys:
        for n, one in enumerate(select.filters):
            if one.name not in select.schema_dimension_keys:
                raise invalid(
                    f"{field}.filters[{n}].name",
                    f"filter {one.name!r} is not among schema_dimension_keys, so no metric can match",
                )
    if select.order_by_statistic:
        _one_of(select.order_by_statistic, FUNCTIONS, f"{field}.order_by_statistic")
    if select.sort_order:
        _one_of(select.sort_order, SORT_ORDERS, f"{field}.sort_order")
        if not select.order_by_statistic:
            raise invalid(f"{field}.sort_order", "sort_order needs order_by_statistic")
    if not 0 <= select.limit <= MAX_SERIES:
        raise invalid(f"{field}.limit", f"limit must be between 1 and {MAX_SERIES}")


def _source(select: InsightsSelect, field: str) -> str:
    namespace = _identifier(select.namespace, f"{field}.namespace")
    if not select.schema_dimension_keys:
        return namespace
    keys = (
        _identifier(key, f"{field}.schema_dimension_keys[{n}]") for n, key in enumerate(select.schema_dimension_keys)
    )
    return f"SCHEMA({', '.join((namespace, *keys))})"


def _condition(one: Dimension, field: str) -> str:
    return f"{_identifier(one.name, f'{field}.name')} = {_value(one.value, f'{field}.value')}"


def _one_of(value: str, allowed: tuple[str, ...], field: str) -> None:
    if value not in allowed:
        raise invalid(field, f"{value!r} is not one of {', '.join(allowed)}")


def _identifier(text: str, field: str) -> str:
    if not text:
        raise invalid(field, f"{field} is required")
    return f'"{_escape(text, field)}"'


def _value(text: str, field: str) -> str:
    return f"'{_escape(text, field)}'"


def _escape(text: str, field: str) -> str:
    if _UNQUOTABLE.search(text):
        raise invalid(field, f"{text!r} has a backslash or control character, which Metrics Insights cannot express")
    return _QUOTATION_MARK.sub(r"\\\g<0>", text)
