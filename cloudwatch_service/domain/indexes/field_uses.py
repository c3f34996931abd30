"""What a log query does with the fields that it names, and the part that all languages share: conditions.

A field index helps a query that compares a field with a constant for equality, so that this is told from every other
condition, and both from merely showing a field. It must not know the commands of any language.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from cloudwatch_service.domain.insights.tokens import Kind, Token

_OPENING: Final = ("(", "[")
_CLOSING: Final = (")", "]")
_ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^")
_EQUALS: Final = ("=", "==")
_CONNECTIVES: Final = ("and", "or", "xor")
_NEGATABLE: Final = ("between", "ilike", "in", "like", "regexp", "rlike")
_FILTER_INDEX: Final = "filterindex"  # in SQL and PPL a function whose fields may be written as strings
_IN_NO_NAME: Final = frozenset("()*")  # what `count(*)` in back-quotes has: a column of stats, not a field


class Use(IntEnum):
    """What a query does with a field; the more an index would help, the higher."""

    DISPLAY = 1
    NON_EQUALITY = 2
    EQUALITY = 3


@dataclass(slots=True)
class FieldUses:
    """The fields of one query, each with its highest use. `made` are names that the query itself gives to values."""

    uses: dict[str, Use] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def add(self, name: str, use: Use) -> None:
        """Note a use, unless the name is of something that the query has made."""
        if name and name not in self.made and not _IN_NO_NAME.intersection(name):
            self.uses[name] = max(use, self.uses.get(name, use))


def field_positions(tokens: Sequence[Token], keywords: Collection[str]) -> Iterator[int]:
    """Where `tokens` name a field: at no keyword, function, qualifier (`table.`) or name given by AS."""
    for n, token in enumerate(tokens):
        following = tokens[n + 1] if n + 1 < len(tokens) else None
        if not token.is_name or token.is_word(*keywords):
            continue
        if following is not None and (following.is_symbol(".") or _is_call(token, following)):
            continue
        if n > 0 and tokens[n - 1].is_word("as"):
            continue
        yield n


def note_condition(
    tokens: Sequence[Token], keywords: Collection[str], found: FieldUses, at_most: Use = Use.EQUALITY
) -> None:
    """Note every field of a condition.

    Both sides of "=" and the left side of IN are uses for equality, unless NOT turns them round. Whatever is inside
    a function or a calculation is not, because an index does not know what comes out of it.
    """
    fields = frozenset(field_positions(tokens, keywords))
    groups = [_Group()]
    for n, token in enumerate(tokens):
        group = groups[-1]
        if token.is_symbol(*_OPENING):
            groups.append(group.opened_by(token, tokens[n - 1] if n > 0 else None, keywords))
        elif token.is_symbol(*_CLOSING):
            _close(groups)
        elif token.is_word("not"):
            group.negates_next ^= not _belongs_to_operator(tokens, n)
        elif token.is_word(*_CONNECTIVES) or token.is_symbol(","):
            group.negates_next = False
        elif n in fields or (group.is_index and token.kind is Kind.STRING and _is_left_side(tokens, n)):
            found.add(token.text, min(at_most, group.use_of(tokens, n)))


@dataclass(slots=True)
class _Group:
    """What stands in one pair of brackets, or outside all of them."""

    is_value: bool = False  # arguments of a function, a list
    is_index: bool = False  # arguments of filterIndex
    negated: bool = False
    negates_next: bool = False

    def opened_by(self, token: Token, before: Token | None, keywords: Collection[str]) -> "_Group":
        """The group that begins at a bracket inside this one."""
        is_call = before is not None and before.is_name and not before.is_word(*keywords)
        is_index = before is not None and before.is_word(_FILTER_INDEX)
        is_list = token.is_symbol("[") or (before is not None and before.is_word("in"))
        is_value = self.is_value or is_list or (is_call and not is_index)
        negated = self.negated ^ self.negates_next
        if not is_call:
            self.negates_next = False  # it is about the whole group; after a call it is about the comparison
        return _Group(is_value=is_value, is_index=is_index, negated=negated)

    def use_of(self, tokens: Sequence[Token], n: int) -> Use:
        """What the condition does with the field at `n`."""
        before = tokens[n - 1] if n > 0 else None
        after = tokens[n + 1] if n + 1 < len(tokens) else None
        calculated = any(token is not None and token.is_symbol(*_ARITHMETIC) for token in (before, after))
        compared = any(token is not None and token.is_symbol(*_EQUALS) for token in (before, after))
        looked_up = after is not None and after.is_word("in")
        is_equality = not self.is_value and not calculated and (compared or looked_up)
        return Use.EQUALITY if is_equality and not self.negated ^ self.negates_next else Use.NON_EQUALITY


def _close(groups: list[_Group]) -> None:
    if len(groups) > 1:
        groups.pop()


def _is_call(token: Token, following: Token) -> bool:
    return token.kind is Kind.NAME and following.is_symbol("(")


def _belongs_to_operator(tokens: Sequence[Token], n: int) -> bool:
    """Whether the NOT at `n` is part of NOT IN and the like, or of IS NOT NULL."""
    negates_operator = n + 1 < len(tokens) and tokens[n + 1].is_word(*_NEGATABLE)
    return negates_operator or (n > 0 and tokens[n - 1].is_word("is"))


def _is_left_side(tokens: Sequence[Token], n: int) -> bool:
    after = tokens[n + 1] if n + 1 < len(tokens) else None
    return after is not None and (after.is_symbol(*_EQUALS) or after.is_word("in"))
