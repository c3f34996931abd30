"""Which fields an OpenSearch SQL query uses, and how. It must not know pipelines.

A query is taken apart into clauses, those of subqueries on their own; what is in a clause decides what its fields are
used for. Names of tables and their aliases are no fields, nor are columns that the query names itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloudwatch_service.domain.indexes.field_uses import FieldUses, Use, field_positions, note_condition
from cloudwatch_service.domain.insights.tokens import Kind, Token, Tokens, split_at, tokenize

_LITERALS: Final = frozenset({"false", "interval", "null", "true"})
_OPERATORS: Final = frozenset(
    {"and", "between", "escape", "exists", "ilike", "in", "is", "like", "not", "or", "regexp", "rlike", "xor"}
)
_CASE: Final = frozenset({"case", "else", "end", "then", "when"})
_KEYWORDS: Final = _LITERALS | _OPERATORS | _CASE | {"all", "any", "as", "asc", "by", "desc", "distinct", "some"}
_CLAUSE_OF_WORD: Final = {
    "select": "select",
    "from": "from",
    "join": "from",
    "on": "on",
    "where": "where",
    "group": "group",
    "having": "having",
    "order": "order",
    "limit": "",
    "offset": "",
    "union": "",
    "intersect": "",
    "except": "",
    "minus": "",
    "with": "from",
}
_END_OF_SELECT_LIST: Final = ("from", "union", "intersect", "except")  # the others may be names of columns there
_JOIN_WORDS: Final = ("anti", "as", "cross", "full", "inner", "left", "natural", "outer", "right", "semi")
_FILTER_INDEX: Final = "filterindex"


@dataclass(slots=True)
class _Select:
    """One SELECT while it is read: the clause that tokens belong to, and how many plain brackets are open in it."""

    clause: str = ""
    tokens: list[Token] = field(default_factory=list)
    depth: int = 0

    @property
    def following_words(self) -> Collection[str]:
        """The words that begin another clause here."""
        return _END_OF_SELECT_LIST if self.clause == "select" else _CLAUSE_OF_WORD


def sql_field_uses(tokens: Tokens) -> Mapping[str, Use]:
    """The fields that the query uses, each with the highest of its uses."""
    clauses = [(name, _without_windows(part)) for name, part in _clauses(tokens)]
    tables = frozenset(token.text for name, part in clauses if name == "from" for token in part if token.is_name)
    parts = [(name, [_without_table(token, tables) for token in part]) for name, part in clauses]
    found = FieldUses()
    for name, part in parts:
        if name == "where":
            note_condition(part, _KEYWORDS, found)
        elif name == "from":
            _note_filter_index(part, found)
        elif name == "select":
            _note_selected(part, found)
    # Only these see the names that SELECT gives to its columns.
    found.made.update(made for name, part in parts if name == "select" for made in _made_by(part))
    for name, part in parts:
        if name in ("group", "order"):
            _note_shown(part, found)
        elif name in ("having", "on"):  # about groups and pairs of events: no index narrows what is read
            note_condition(part, _KEYWORDS, found, at_most=Use.NON_EQUALITY)
    return found.uses


def _clauses(tokens: Tokens) -> list[tuple[str, list[Token]]]:
    """The clauses in the order in which they end, each without its first word."""
    ended: list[tuple[str, list[Token]]] = []
    open_selects = [_Select()]
    for n, token in enumerate(tokens):
        select = open_selects[-1]
        if token.is_symbol("("):
            if n + 1 < len(tokens) and tokens[n + 1].is_word("select", "with"):
                open_selects.append(_Select())
                continue
            select.depth += 1
        elif token.is_symbol(")"):
            if select.depth == 0 and len(open_selects) > 1:
                ended.append((select.clause, select.tokens))
                open_selects.pop()
                continue
            select.depth = max(0, select.depth - 1)
        elif select.depth == 0 and token.is_word(*select.following_words):
            ended.append((select.clause, select.tokens))
            select.clause, select.tokens = _CLAUSE_OF_WORD[token.text.lower()], []
            continue
        select.tokens.append(token)
    return ended + [(select.clause, select.tokens) for select in open_selects]


def _without_windows(tokens: Sequence[Token]) -> list[Token]:
    """`tokens` without what follows OVER in brackets: how a function's window is ordered."""
    kept: list[Token] = []
    depth = 0
    for n, token in enumerate(tokens):
        begins = token.is_symbol("(") and n > 0 and tokens[n - 1].is_word("over")
        if begins or (depth and token.is_symbol("(")):
            depth += 1
        elif depth and token.is_symbol(")"):
            depth -= 1
        elif not depth and not token.is_word("over"):
            kept.append(token)
    return kept


def _without_table(token: Token, tables: frozenset[str]) -> Token:
    """`t.status` as `status`, where t is a table."""
    table, _, column = token.text.partition(".")
    return token._replace(text=column) if token.kind is Kind.NAME and column and table in tables else token


def _note_filter_index(tokens: Sequence[Token], found: FieldUses) -> None:
    """The fields of a filterIndex that stands for a table, which may be in back-quotes as a whole."""
    for token in tokens:
        if token.kind is Kind.QUOTED and token.text.lower().lstrip().startswith(_FILTER_INDEX):
            note_condition(tokenize(token.text), _KEYWORDS, found)
    if any(token.is_word(_FILTER_INDEX) for token in tokens):
        note_condition(tokens, _KEYWORDS | set(_JOIN_WORDS), found)


def _note_selected(tokens: Sequence[Token], found: FieldUses) -> None:
    for item in split_at(tokens, ","):
        alias = _implicit_alias(item)
        for n in field_positions(item, _KEYWORDS):
            if item[n] is not alias:
                found.add(item[n].text, Use.DISPLAY)


def _note_shown(tokens: Sequence[Token], found: FieldUses) -> None:
    for n in field_positions(tokens, _KEYWORDS):
        is_about_nulls = n > 0 and tokens[n - 1].is_word("nulls")
        if not is_about_nulls and not tokens[n].is_word("nulls"):
            found.add(tokens[n].text, Use.DISPLAY)


def _made_by(tokens: Sequence[Token]) -> list[str]:
    """The names that a SELECT list gives to its columns."""
    made = [item[n + 1].text for item in split_at(tokens, ",") for n in _positions_of_as(item)]
    implicit = (_implicit_alias(item) for item in split_at(tokens, ","))
    return made + [token.text for token in implicit if token is not None]


def _positions_of_as(item: Tokens) -> list[int]:
    return [n for n, token in enumerate(item[:-1]) if token.is_word("as") and item[n + 1].is_name]


def _implicit_alias(item: Tokens) -> Token | None:
    """The name at the end of `count(*) total`, None where the item has none."""
    if len(item) < 2 or not item[-1].is_name or item[-1].is_word(*_KEYWORDS):
        return None
    before = item[-2]
    ends_value = before.is_symbol(")") or (before.kind is not Kind.SYMBOL and not before.is_word(*_KEYWORDS))
    return item[-1] if ends_value or before.is_word("end") else None
