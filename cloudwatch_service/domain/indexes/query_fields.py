"""Which fields a query of the history uses, and how. It must not call anything, nor judge what an index is worth.

Pipelines, in Logs Insights QL and OpenSearch PPL, are read here; SQL in sql_fields.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from cloudwatch_service.domain.indexes.field_uses import FieldUses, Use, field_positions, note_condition
from cloudwatch_service.domain.indexes.sql_fields import sql_field_uses
from cloudwatch_service.domain.insights.tokens import Kind, Token, Tokens, split_at, tokenize

LANGUAGES: Final = ("CWLI", "SQL", "PPL")

_LITERALS: Final = frozenset({"false", "null", "true"})
_OPERATORS: Final = frozenset({"and", "between", "ilike", "in", "is", "like", "not", "or", "regexp", "rlike", "xor"})
_KEYWORDS: Final = _LITERALS | _OPERATORS | {"as", "asc", "by", "desc"}
_OPENING: Final = ("(", "[", "{")
_CLOSING: Final = (")", "]", "}")
# (?<user>…) and (?P<user>…) in a regular expression, %{WORD:user} in a Grok pattern
_NAMED_GROUP: Final = re.compile(r"\(\?P?<([A-Za-z_]\w*)>|%\{\w+:(\w+)")


def field_uses(query: str, declared_language: str) -> Mapping[str, Use]:
    """The fields that `query` uses, each with the highest of its uses.

    The language is the declared one, or guessed where none of ours is declared. Names that the query gives to values
    (AS, parse, eval) are not fields of the log.
    """
    tokens = tokenize(query)
    if _language(tokens, declared_language) == "SQL":
        return sql_field_uses(tokens)
    found = FieldUses()
    for stage in split_at(_without_subqueries(tokens), "|"):
        note = _COMMANDS.get(stage[0].text.lower())
        if note is not None and stage[0].kind is Kind.NAME:
            note(stage[1:], found)
    return found.uses


def _language(tokens: Tokens, declared: str) -> str:
    if declared.upper() in LANGUAGES:
        return declared.upper()
    first = next((token for token in tokens if not token.is_symbol("(")), None)
    if first is not None and first.is_word("select", "with"):
        return "SQL"
    return "CWLI"  # PPL is read in the same way


def _without_subqueries(tokens: Tokens) -> list[Token]:
    """`tokens` without the contents of brackets that hold a pipeline: that one reads other logs."""
    kept: list[Token] = []
    opened: list[int] = []  # where in `kept` each open bracket is
    pipelines: set[int] = set()
    for token in tokens:
        if token.is_symbol(*_OPENING):
            opened.append(len(kept))
        elif token.is_symbol("|") and opened:
            pipelines.add(opened[-1])
        elif token.is_symbol(*_CLOSING) and opened:
            start = opened.pop()
            if start in pipelines:
                pipelines.discard(start)
                del kept[start + 1 :]
        kept.append(token)
    return kept


def _note_filter(tokens: Tokens, found: FieldUses) -> None:
    note_condition(tokens, _KEYWORDS, found)


def _note_list(tokens: Tokens, found: FieldUses) -> None:
    """A list of fields and calculations, each with or without a name of its own, which later stages see."""
    for n in field_positions(tokens, _KEYWORDS):
        is_option = n + 1 < len(tokens) and tokens[n + 1].is_symbol("=")  # as in dedup x keepempty=true
        if not is_option:
            found.add(tokens[n].text, Use.DISPLAY)
    _note_made(tokens, found)


def _note_stats(tokens: Tokens, found: FieldUses) -> None:
    """What is grouped by; what is aggregated does not count, because an index does not help with it."""
    grouping = next((n for n, token in enumerate(tokens) if token.is_word("by")), len(tokens))
    for n in field_positions(tokens[grouping + 1 :], _KEYWORDS):
        found.add(tokens[grouping + 1 + n].text, Use.DISPLAY)
    _note_made(tokens, found)


def _note_sort(tokens: Tokens, found: FieldUses) -> None:
    """The first field, which decides the order."""
    for first in split_at(tokens, ",")[:1]:
        _note_list(first, found)


def _note_parse(tokens: Tokens, found: FieldUses) -> None:
    """The names that parse gives: after AS, and in its patterns."""
    for n, token in enumerate(tokens):
        if token.kind in (Kind.REGEX, Kind.STRING):
            found.made.update(name or grok for name, grok in _NAMED_GROUP.findall(token.text))
        elif token.is_word("as", "into"):
            found.made.update(made.text for made in tokens[n + 1 :] if made.is_name)
            return


def _note_eval(tokens: Tokens, found: FieldUses) -> None:
    """The names left of "="."""
    for item in split_at(tokens, ","):
        if len(item) > 1 and item[0].is_name and item[1].is_symbol("="):
            found.made.add(item[0].text)


def _note_made(tokens: Sequence[Token], found: FieldUses) -> None:
    """The names that AS gives."""
    found.made.update(made.text for before, made in pairwise(tokens) if before.is_word("as") and made.is_name)


_COMMANDS: Final[Mapping[str, Callable[[Tokens, FieldUses], None]]] = {
    "dedup": _note_list,
    "display": _note_list,
    "eval": _note_eval,
    "eventstats": _note_stats,
    "fields": _note_list,
    "filter": _note_filter,
    "filterindex": _note_filter,
    "grok": _note_parse,
    "parse": _note_parse,
    "rename": _note_made,
    "rex": _note_parse,
    "sort": _note_sort,
    "stats": _note_stats,
    "unnest": _note_parse,
    "where": _note_filter,
}
