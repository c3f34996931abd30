"""The name-value pair that tells one CloudWatch metric from another. It must not know what a metric is used for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of a metric (AWS API: Dimension)."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def parse_dimensions(raw: Iterable[Mapping[str, Any]] | None) -> tuple[Dimension, ...]:
    """The dimensions in an AWS answer, in its order; a missing part counts as empty text."""
    return tuple(Dimension(one.get("Name", ""), one.get("Value", "")) for one in raw or ())
