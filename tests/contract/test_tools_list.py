"""Our tools against the contract that clients know: tool_contract.json, and what strict clients accept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_frontend.tools import definitions

CONTRACT = {
    tool["name"]: tool for tool in json.loads((Path(__file__).parent / "tool_contract.json").read_text())["tools"]
}
OURS = {
    definition.name: definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    for definition in definitions()
}
BEYOND_THE_CONTRACT = [
    "list_accounts",
    "get_metric_widget_image",
    "list_dashboards",
    "get_dashboard",
    "list_contributor_insights_rules",
    "get_contributor_insights_report",
    "describe_log_group_fields",
    "run_saved_query",
]
SHARED = [name for name in OURS if name not in BEYOND_THE_CONTRACT]
MAX_BYTES = 30_000


def test_names_and_order() -> None:
    assert list(OURS) == [name for name in CONTRACT if name in OURS] + BEYOND_THE_CONTRACT


@pytest.mark.parametrize("name", SHARED)
def test_arguments(name: str) -> None:
    _compare_arguments(CONTRACT[name]["arguments"], OURS[name]["inputSchema"], name)


def test_arguments_beyond_the_contract_are_optional() -> None:
    extra = {
        (name, argument)
        for name in SHARED
        for argument in OURS[name]["inputSchema"]["properties"]
        if argument not in {known["name"] for known in CONTRACT[name]["arguments"]}
    }
    assert extra == {
        ("describe_log_groups", "page_token"),
        ("get_logs_insight_query_results", "first_row"),
        ("execute_promql_query", "first_item"),
        ("execute_promql_range_query", "first_item"),
        ("get_promql_label_values", "first_item"),
        ("get_promql_series", "first_item"),
        ("get_promql_labels", "first_item"),
        ("get_metric_data", "chart"),
    }


@pytest.mark.parametrize("name", SHARED)
def test_results(name: str) -> None:
    contract, schema = CONTRACT[name]["output"], OURS[name]["outputSchema"]
    assert schema["type"] == "object"
    assert (list(schema["properties"]) == ["result"]) == contract["wrapped_in_result"]
    assert set(schema.get("required", [])) == set(contract["required"])
    _compare_result(contract["fields"], schema, name)


@pytest.mark.parametrize("name", OURS)
def test_input_schemas_are_flat(name: str) -> None:
    schema = OURS[name]["inputSchema"]
    assert schema["type"] == "object"
    for node in _schemas(schema):
        assert set(node) <= {
            "type",
            "description",
            "enum",
            "default",
            "maxItems",
            "properties",
            "required",
            "items",
        }
        assert isinstance(node["type"], str)
        assert (node["type"] == "array") == ("items" in node)
        assert node.get("default", "") is not None


@pytest.mark.parametrize("name", OURS)
def test_names_fit_into_what_model_providers_allow(name: str) -> None:
    assert len(f"{name}_mcp_cloudwatch") <= 64
    assert "_mcp_" not in name


@pytest.mark.parametrize("name", OURS)
def test_descriptions_are_short(name: str) -> None:
    assert 20 < len(OURS[name]["description"]) <= 300


@pytest.mark.parametrize("name", OURS)
def test_annotations(name: str) -> None:
    annotations = OURS[name]["annotations"]
    assert set(annotations) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    assert annotations["readOnlyHint"] == (name != "cancel_logs_insight_query")
    assert annotations["destructiveHint"] is False


def test_size() -> None:
    serialized = json.dumps({"tools": list(OURS.values())}, separators=(",", ":"), ensure_ascii=False)
    assert len(serialized.encode()) < MAX_BYTES


def _compare_arguments(contract: list[dict[str, Any]], schema: dict[str, Any], path: str) -> None:
    """Names, types, defaults, requirement and enums are the contract's; null is said by not being required."""
    properties = schema["properties"]
    assert {known["name"] for known in contract} <= set(properties), path
    required = {known["name"] for known in contract if known["required"]}
    assert set(schema.get("required", [])) == required, path
    for known in contract:
        _compare_argument(known, properties[known["name"]], f"{path}.{known['name']}")


def _compare_argument(known: dict[str, Any], found: dict[str, Any], path: str) -> None:
    (known_type,) = [kind for kind in known["types"] if kind != "null"]
    assert found["type"] == known_type, path
    assert found.get("enum") == known.get("enum"), path
    assert found.get("maxItems") == known.get("maxItems"), path
    if "default" in known:
        assert found.get("default") == known["default"], path
    if "fields" in known:
        _compare_arguments(known["fields"], found, path)
    if "items" in known:
        _compare_argument(known["items"], found["items"], f"{path}[]")


def _compare_result(known: Any, schema: dict[str, Any], path: str) -> None:
    """Every field of the contract is there with its type; ours may be null where the contract promised a value."""
    for form in known["one_of"] if isinstance(known, dict) and "one_of" in known else [known]:
        _compare_form(form, schema, path)


def _compare_form(known: Any, schema: dict[str, Any], path: str) -> None:
    kinds = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    if known == "null":
        assert "null" in kinds, path
    elif isinstance(known, list):
        assert "array" in kinds, path
        _compare_result(known[0], schema["items"], f"{path}[]")
    elif isinstance(known, dict):
        assert "object" in kinds, path
        for name, value in known.items():
            if name != "*" and "properties" in schema:
                _compare_result(value, schema["properties"][name], f"{path}.{name}")
    else:
        known_kinds = {kind.partition(":")[0] for kind in known.split("|")}
        assert known_kinds <= kinds <= known_kinds | {"null"}, path
        assert ("date-time" in known) == (schema.get("format") == "date-time"), path


def _schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`schema` and every schema inside it."""
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from _schemas(inner)
    if "items" in schema:
        yield from _schemas(schema["items"])
