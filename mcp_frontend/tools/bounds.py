"""How much of a client's context one list of a result may fill. It must not know any one tool."""

import json
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

MAX_LIST_CHARACTERS: Final = 100_000
"""Clients cut the middle out of longer results without a word (LibreChat: 0.3 of the context window)."""


def _json_characters(item: object) -> int:
    return len(json.dumps(item, ensure_ascii=False))


def take_fitting(
    items: Iterable[T], max_characters: int = MAX_LIST_CHARACTERS, characters_of: Callable[[T], int] = _json_characters
) -> list[T]:
    """The first of `items` that together stay within `max_characters`, but at least one, so that all can be reached."""
    taken: list[T] = []
    characters = 0
    for item in items:
        characters += characters_of(item)
        if taken and characters > max_characters:
            break
        taken.append(item)
    return taken
