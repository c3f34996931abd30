"""Fields of JSON that AWS stores without checking it, such as dashboards and rules: of the expected type, or empty.

It must not know any one document.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

_INT32_MAX: Final = 2**31 - 1
_SURROGATE: Final = "\\ud"


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`, or None. Numbers that JSON has no word for become null, broken characters "?"."""
    try:
        parsed = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        if _SURROGATE in text.lower():  # half of a pair can be escaped, but neither encoded nor sent
            parsed = json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def text_of(node: Mapping[str, Any], name: str) -> str:
    """The text in a field, or empty text."""
    value = node.get(name)
    return value if isinstance(value, str) else ""


def whole_of(node: Mapping[str, Any], name: str) -> int:
    """The whole number in a field, or 0 when there is none or it is no number of seconds."""
    value = node.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value <= _INT32_MAX else 0


def number_of(node: Mapping[str, Any], name: str) -> float | None:
    """The number in a field, or None when there is none or it is too large."""
    value = node.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def list_of(node: Mapping[str, Any], name: str) -> list[Any]:
    """The list in a field, or an empty one."""
    value = node.get(name)
    return value if isinstance(value, list) else []


def object_of(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in a field, or an empty one."""
    value = node.get(name)
    return value if isinstance(value, dict) else {}


def objects_of(node: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list in a field."""
    return [value for value in list_of(node, name) if isinstance(value, dict)]


def texts_of(node: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts in the list in a field, each once."""
    return tuple(dict.fromkeys(value for value in list_of(node, name) if isinstance(value, str)))
