"""Metrics Insights queries: the clauses, and quoting that nothing breaks out of."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.metrics_insights import InsightsSelect, build_select
from servicekit.errors import ServiceError

PLAIN = InsightsSelect("AWS/EC2", "CPUUtilization", "AVG")
# The documented form of a quoted text: no bare mark of its own kind inside, a backslash only before a mark.
TOKEN = re.compile(r""""((?:[^"\\]|\\["'])*)"|'((?:[^'\\]|\\["'])*)'""")


def test_namespace_alone_means_all_its_metrics() -> None:
    assert build_select(PLAIN, "i") == 'SELECT AVG("CPUUtilization") FROM "AWS/EC2"'


def test_every_clause_in_order() -> None:
    select = InsightsSelect(
        namespace="AWS/EC2",
        metric_name="CPUUtilization",
        statistic="MAX",
        filters=(Dimension("InstanceId", "i-1"), Dimension("Zone", "a")),
        schema_dimension_keys=("InstanceId", "Zone"),
        group_by="InstanceId",
        order_by_statistic="SUM",
        sort_order="DESC",
        limit=10,
    )
    assert build_select(select, "i") == (
        'SELECT MAX("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId", "Zone")'
        " WHERE \"InstanceId\" = 'i-1' AND \"Zone\" = 'a'"
        ' GROUP BY "InstanceId" ORDER BY SUM() DESC LIMIT 10'
    )


def test_order_without_direction() -> None:
    assert build_select(replace(PLAIN, order_by_statistic="AVG"), "i").endswith(' FROM "AWS/EC2" ORDER BY AVG()')


def test_marks_are_escaped() -> None:
    select = replace(PLAIN, metric_name='Bytes"In"', filters=(Dimension("K", "it's"),))
    assert build_select(select, "i") == 'SELECT AVG("Bytes\\"In\\"") FROM "AWS/EC2" WHERE "K" = \'it\\\'s\''


@pytest.mark.parametrize(
    ("select", "field"),
    [
        (replace(PLAIN, statistic="Average"), "i.statistic"),
        (replace(PLAIN, namespace=""), "i.namespace"),
        (replace(PLAIN, metric_name=""), "i.metric_name"),
        (replace(PLAIN, group_by="InstanceId"), "i.group_by"),
        (replace(PLAIN, group_by="Zone", schema_dimension_keys=("InstanceId",)), "i.group_by"),
        (replace(PLAIN, sort_order="ASC"), "i.sort_order"),
        (replace(PLAIN, sort_order="down", order_by_statistic="AVG"), "i.sort_order"),
        (replace(PLAIN, order_by_statistic="p99"), "i.order_by_statistic"),
        (replace(PLAIN, limit=-1), "i.limit"),
        (replace(PLAIN, limit=501), "i.limit"),
        (replace(PLAIN, schema_dimension_keys=("A", "")), "i.schema_dimension_keys[1]"),
        (replace(PLAIN, schema_dimension_keys=("A",), filters=(Dimension("B", "1"),)), "i.filters[0].name"),
        (replace(PLAIN, filters=(Dimension("A", "1"), Dimension("", "1"))), "i.filters[1].name"),
        (replace(PLAIN, filters=(Dimension("A", "back\\slash"),)), "i.filters[0].value"),
        (replace(PLAIN, metric_name="two\nlines"), "i.metric_name"),
    ],
)
def test_refusals_name_the_part(select: InsightsSelect, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        build_select(select, "i")
    assert caught.value.field == field


quotable = st.text(st.characters(exclude_characters="\\", exclude_categories=["Cc", "Cs"]), max_size=30)
names = quotable.filter(bool)


@given(names, names, names, quotable)
def test_every_part_comes_back_out_of_its_quotes(namespace: str, metric: str, key: str, value: str) -> None:
    select = InsightsSelect(namespace, metric, "SUM", (Dimension(key, value),), (key,), key)
    text = build_select(select, "i")
    parts = [re.sub(r"\\([\"'])", r"\1", found[1] or found[2] or "") for found in TOKEN.finditer(text)]
    assert parts == [metric, namespace, key, key, value, key]
    assert TOKEN.sub("?", text) == "SELECT SUM(?) FROM SCHEMA(?, ?) WHERE ? = ? GROUP BY ?"
