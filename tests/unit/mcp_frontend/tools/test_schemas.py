"""Flat input schemas and the words of output schemas."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from mcp_frontend.tools.schemas import INTEGER, TEXT, input_schema, listing, nullable, record


class _Inner(BaseModel):
    """Not for clients."""

    name: str


class _Sample(BaseModel):
    """Not for clients."""

    needed: Annotated[int, Field(ge=1, description="How many")]
    maybe: str | None = None
    kind: Literal["A", "B"] | None = None
    flag: bool = True
    inners: tuple[_Inner, ...] = ()
    inner: Annotated[_Inner | None, Field(description="One")] = None
    names: Annotated[tuple[str, ...] | None, Field(max_length=50)] = None


def test_flat() -> None:
    inner = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    assert input_schema(_Sample) == {
        "type": "object",
        "properties": {
            "needed": {"type": "integer", "description": "How many"},
            "maybe": {"type": "string"},
            "kind": {"type": "string", "enum": ["A", "B"]},
            "flag": {"type": "boolean", "default": True},
            "inners": {"type": "array", "default": [], "items": inner},
            "inner": {**inner, "description": "One"},
            "names": {"type": "array", "maxItems": 50, "items": {"type": "string"}},
        },
        "required": ["needed"],
    }


class _Union(BaseModel):
    either: str | int


class _Untyped(BaseModel):
    anything: object


@pytest.mark.parametrize("model", [_Union, _Untyped])
def test_what_cannot_be_flat_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(ValueError, match=r"union|plain type"):
        input_schema(model)


def test_output_words() -> None:
    assert record("a", a=nullable(TEXT), b=listing(INTEGER)) == {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a"],
    }
    assert "required" not in record(a=TEXT)
