"""How much of a client's context one list of a result may fill. It must not know any one tool."""

import json
from collections.abc import Iterable
from typing import Final

from mcp_frontend.tools.schemas import JsonObject

MAX_LIST_CHARACTERS: Final = 100_000
"""Clients cut the middle out of longer results without a word (LibreChat: 0.3 of the context window)."""


def take_fitting(items: Iterable[JsonObject], max_characters: int = MAX_LIST_CHARACTERS) -> list[JsonObject]:
    """The first of `items` that as JSON stay within `max_characters`, but at least one."""
    taken: list[JsonObject] = []
    characters = 0
    for item in items:
        characters += len(json.dumps(item, ensure_ascii=False))
        if taken and characters > max_characters:
            break
        taken.append(item)
    return taken
