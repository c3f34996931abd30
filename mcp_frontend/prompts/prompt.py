"""What a prompt is, and how its text is made from arguments. It must not know any one prompt.

What a person gives as an argument stands in the text as JSON: it is data for a tool, and cannot pass for instructions
of the text itself.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

import mcp_types as types

from servicekit.errors import invalid

_MAX_VALUE_CHARACTERS: Final = 1_024  # more than any name at AWS has

Given = Mapping[str, str]
"""Arguments by name; what was not given, or given empty, is absent."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, always text."""

    name: str
    description: str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One prompt. `write` makes the text from checked arguments and the time, aware UTC; it may raise ServiceError."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    write: Callable[[Given, datetime], str]

    @cached_property
    def definition(self) -> types.Prompt:
        """As `prompts/list` shows it."""
        return types.Prompt(
            name=self.name,
            title=self.title,
            description=self.description,
            arguments=[
                types.PromptArgument(name=one.name, description=one.description, required=one.required)
                for one in self.arguments
            ],
        )

    def text(self, given: Given, now: datetime) -> str:
        """The text. Unknown arguments are ignored, as they are by tools. Raises ServiceError naming an argument."""
        known = {one.name: given[one.name].strip() for one in self.arguments if given.get(one.name, "").strip()}
        for one in self.arguments:
            if one.required and one.name not in known:
                raise invalid(one.name, f"{one.name} is required")
            if len(known.get(one.name, "")) > _MAX_VALUE_CHARACTERS:
                raise invalid(one.name, f"{one.name} is longer than {_MAX_VALUE_CHARACTERS} characters")
        return self.write(known, now)


def call(tool: str, given: Given, **arguments: object) -> str:
    """A tool and arguments for it as text, with the account and region that were given."""
    place = {name: given[name] for name in ("profile_name", "region") if name in given}
    return f"{tool} {json.dumps({**arguments, **place}, ensure_ascii=False)}"


def quoted(value: str) -> str:
    """A value in a sentence."""
    return json.dumps(value, ensure_ascii=False)


ACCOUNT: Final = Argument("profile_name", "Account alias; default: the user's own default")
REGION: Final = Argument("region", "AWS region; default: the account's")
