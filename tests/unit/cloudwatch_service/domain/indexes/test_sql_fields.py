"""Which fields OpenSearch SQL queries use."""

import pytest

from cloudwatch_service.domain.indexes.field_uses import Use
from cloudwatch_service.domain.indexes.query_fields import field_uses

EQUALITY, OTHER, DISPLAY = Use.EQUALITY, Use.NON_EQUALITY, Use.DISPLAY

BEFORE_CONDITION = "SELECT * FROM `/my/logs` WHERE "


def _uses(query: str) -> dict[str, Use]:
    return {name: use for name, use in field_uses(query, "SQL").items() if not name.startswith("@")}


def _where(condition: str) -> dict[str, Use]:
    return _uses(BEFORE_CONDITION + condition)


@pytest.mark.parametrize(
    ("condition", "uses"),
    [
        ("a = 'x'", {"a": EQUALITY}),
        ("a = 1 AND b.c = 2", {"a": EQUALITY, "b.c": EQUALITY}),
        ("a IN ('x', 'y')", {"a": EQUALITY}),
        ("`a-b` = 1", {"a-b": EQUALITY}),
        ("a LIKE '%x%'", {"a": OTHER}),
        ("a NOT LIKE '%x%'", {"a": OTHER}),
        ("a != 1", {"a": OTHER}),
        ("a <> 1", {"a": OTHER}),
        ("NOT a = 1", {"a": OTHER}),
        ("a NOT IN (1, 2)", {"a": OTHER}),
        ("a IS NOT NULL AND b = 1", {"a": OTHER, "b": EQUALITY}),
        ("filterIndex('region' = 'x' AND 'zone' IN ('a'))", {"region": EQUALITY, "zone": EQUALITY}),
        ("CASE WHEN a > 1 THEN b ELSE 'x' END = c", {"a": OTHER, "b": OTHER, "c": EQUALITY}),
    ],
)
def test_conditions(condition: str, uses: dict[str, Use]) -> None:
    assert _where(condition) == uses


@pytest.mark.parametrize("operator", ["<", ">", "<=", ">="])
def test_fault_avoided_comparisons_are_uses(operator: str) -> None:
    assert _where(f"a {operator} 1") == {"a": OTHER}


def test_fault_avoided_a_range_is_a_use() -> None:
    assert _where("a BETWEEN 1 AND 5 AND b = 1") == {"a": OTHER, "b": EQUALITY}


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        ("SELECT a, b.c, `d-e` FROM t", {"a": DISPLAY, "b.c": DISPLAY, "d-e": DISPLAY}),
        ("SELECT * FROM t", {}),
        ("SELECT COUNT(*), AVG(a) FROM t GROUP BY b", {"a": DISPLAY, "b": DISPLAY}),
        ("SELECT DISTINCT a FROM t ORDER BY b DESC NULLS LAST, c", {"a": DISPLAY, "b": DISPLAY, "c": DISPLAY}),
        ("SELECT offset, limit FROM t LIMIT 5", {"offset": DISPLAY, "limit": DISPLAY}),
        ("SELECT a AS b, c d, count(*) total FROM t GROUP BY d ORDER BY b, total", {"a": DISPLAY, "c": DISPLAY}),
        ("SELECT lower(a) AS a FROM t WHERE a = 'x' ORDER BY a", {"a": EQUALITY}),
        ("SELECT count(*) AS n FROM t GROUP BY a HAVING n > 5 AND b = 1", {"a": DISPLAY, "b": OTHER}),
        ("SELECT CAST(a AS int) FROM t", {"a": DISPLAY}),
        ("SELECT CASE WHEN a = 1 THEN 'x' END kind FROM t ORDER BY kind", {"a": DISPLAY}),
        ("SELECT row_number() OVER (PARTITION BY a ORDER BY b) AS n, c FROM t", {"c": DISPLAY}),
    ],
)
def test_lists(query: str, uses: dict[str, Use]) -> None:
    assert _uses(query) == uses


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        (
            "SELECT A.x, B.`y` FROM `g1` AS A INNER JOIN `g2` B ON A.id = B.id WHERE A.z = 1",
            {"x": 1, "y": 1, "id": 2, "z": 3},
        ),
        ("SELECT x FROM t WHERE y IN (SELECT z FROM u WHERE w = 1)", {"x": 1, "y": 3, "z": 1, "w": 3}),
        ("WITH c AS (SELECT x FROM t WHERE y = 1) SELECT x FROM c", {"x": 1, "y": 3}),
        ("SELECT x FROM t UNION SELECT y FROM u WHERE z = 1", {"x": 1, "y": 1, "z": 3}),
        ("SELECT x FROM `filterIndex('region' = 'us-east-1')` WHERE y = 200 LIMIT 10;", {"x": 1, "region": 3, "y": 3}),
        ("SELECT x FROM filterIndex('region' IN ['a'])", {"x": 1, "region": 3}),
        ("SELECT x FROM `logGroups(logGroupIdentifier: ['a', 'b'])`", {"x": 1}),
    ],
)
def test_tables_joins_and_subqueries(query: str, uses: dict[str, int]) -> None:
    assert _uses(query) == {name: Use(use) for name, use in uses.items()}


@pytest.mark.parametrize("query", ["SELECT", "SELECT FROM WHERE", ")))", "SELECT a FROM t WHERE ((", "FROM"])
def test_what_is_no_query_raises_nothing(query: str) -> None:
    _uses(query)
