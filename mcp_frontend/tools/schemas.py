"""JSON schemas of tools. Input schemas are flat: the strictest clients know no unions, references or lists of types."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

JsonObject = dict[str, Any]

_KEPT: Final = ("type", "description", "enum", "maxItems")


def input_schema(model: type[BaseModel]) -> JsonObject:
    """The schema of `model` as plain nested objects and arrays.

    An optional field loses its null: it is simply not required. Bounds of numbers stay out, as run-time checks explain
    themselves better. Raises ValueError for a model that cannot be said this way.
    """
    schema = model.model_json_schema()
    definitions: Mapping[str, JsonObject] = schema.get("$defs", {})
    for described in (schema, *definitions.values()):
        described.pop("description", None)  # a class's docstring is about the code
    return _flatten(schema, definitions)


def _flatten(node: Mapping[str, Any], definitions: Mapping[str, JsonObject]) -> JsonObject:
    merged = {**_resolve(node, definitions), **{key: node[key] for key in ("description", "default") if key in node}}
    if not isinstance(merged.get("type"), str):
        raise ValueError(f"a schema without one plain type: {dict(node)}")
    flat: JsonObject = {key: merged[key] for key in _KEPT if key in merged}
    if merged.get("default") is not None:
        flat["default"] = merged["default"]
    if merged["type"] == "object":
        properties: Mapping[str, JsonObject] = merged.get("properties", {})
        flat["properties"] = {name: _flatten(value, definitions) for name, value in properties.items()}
        if merged.get("required"):
            flat["required"] = merged["required"]
    if "items" in merged:
        flat["items"] = _flatten(merged["items"], definitions)
    return flat


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, JsonObject]) -> Mapping[str, Any]:
    """What a reference, or a choice between one schema and null, stands for."""
    if "$ref" in node:
        return definitions[node["$ref"].rpartition("/")[2]]
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"a union of {len(choices)} types")
        return _resolve(choices[0], definitions)
    return node


# Output schemas are written by hand, in these words.
TEXT: Final[JsonObject] = {"type": "string"}
TIME: Final[JsonObject] = {"type": "string", "format": "date-time"}
INTEGER: Final[JsonObject] = {"type": "integer"}
NUMBER: Final[JsonObject] = {"type": "number"}
BOOLEAN: Final[JsonObject] = {"type": "boolean"}
OBJECT: Final[JsonObject] = {"type": "object"}


def nullable(schema: JsonObject) -> JsonObject:
    """`schema`, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def listing(item: JsonObject) -> JsonObject:
    """A list of `item`."""
    return {"type": "array", "items": item}


def record(*required: str, **fields: JsonObject) -> JsonObject:
    """An object with `fields`, of which `required` are never absent."""
    schema: JsonObject = {"type": "object", "properties": fields}
    return {**schema, "required": list(required)} if required else schema
