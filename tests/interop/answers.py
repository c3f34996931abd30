"""What a tool said, whoever was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one tools/call."""

    is_error: bool
    structured: Any
    """The structured content, None for a failure."""
    texts: tuple[str, ...]
    """One text for each block of content that is text."""

    @classmethod
    def read(cls, result: Mapping[str, Any]) -> Self:
        """From the JSON of a CallToolResult."""
        texts = tuple(block["text"] for block in result["content"] if block["type"] == "text")
        return cls(bool(result.get("isError")), result.get("structuredContent"), texts)

    @property
    def words(self) -> str:
        """All its text."""
        return "\n".join(self.texts)

    @property
    def size(self) -> int:
        """Characters of text."""
        return sum(map(len, self.texts))

    def text_agrees(self) -> bool:
        """Whether the text says, in JSON, what the structured content says without its wrapping."""
        inner = self.structured["result"] if list(self.structured) == ["result"] else self.structured
        return [json.loads(text) for text in self.texts] == ([] if inner is None else [inner])
