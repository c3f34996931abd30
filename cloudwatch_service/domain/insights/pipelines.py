"""What a Logs Insights query does, as far as it matters for running it in parts. It must not call anything.

A query over many log groups, or one with more rows than AWS returns, is run in parts. Whether the parts make the whole
depends on its commands: those that look at one event at a time can be parted by log group and by time; a `stats` of
sums can be added up; everything else, unknown commands included, only means something as a whole.
Commands: Amazon CloudWatch Logs user guide, Logs Insights query syntax.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from cloudwatch_service.domain.insights.tokens import Kind, Token, Tokens, split_at, tokenize

TIMESTAMP: Final = "@timestamp"

_DEFAULT_FIELDS: Final = "fields @timestamp, @message"  # what AWS shows of a query that names none
_LOOK_AT_ONE_EVENT: Final = frozenset({"fields", "display", "parse", "unmask", "lookup", "source"})
_CHOOSE_OR_MULTIPLY: Final = frozenset({"filter", "filterindex", "unnest"})
_FIRST: Final = frozenset({"limit", "head"})
_LAST: Final = frozenset({"tail"})
_ORDERING: Final = frozenset({"sort"}) | _FIRST | _LAST
_ADDABLE: Final = frozenset({"count", "sum", "min", "max"})
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Stage:
    """One command with its arguments, the command's own token first."""

    tokens: Tokens

    @property
    def command(self) -> str:
        """The command in lower case; empty when the stage begins with something else."""
        first = self.tokens[0]
        return first.text.lower() if first.kind is Kind.NAME else ""

    @property
    def arguments(self) -> Tokens:
        """What follows the command."""
        return self.tokens[1:]

    @property
    def start(self) -> int:
        """Where it begins in the text."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where it ends in the text, without a comment that follows."""
        return self.tokens[-1].end


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort. `column` is how results name it; `written` is how the query does, a field or an expression."""

    column: str
    written: str
    descending: bool
    is_field: bool = True


@dataclass(frozen=True, slots=True)
class Ending:
    """How the rows are ordered and how many stay: `order`, then `limit` (from the end: tail), then `final_order`."""

    order: tuple[SortKey, ...] = ()
    limit: int | None = None
    from_end: bool = False
    final_order: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A stats command that can be added up. Columns are written without blanks; (column, function) for each value."""

    keys: frozenset[str]
    functions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A query as a sequence of commands.

    `indivisible` says why it only means something as a whole, and is empty when it looks at one event at a time or has
    an `aggregation` that can be added up. `ending` is that of the result.
    """

    text: str
    stages: tuple[Stage, ...]
    ending: Ending
    indivisible: str = ""
    aggregation: Aggregation | None = None

    @property
    def looks_at_one_event(self) -> bool:
        """Whether the query may be parted by time as well."""
        return not self.indivisible and self.aggregation is None

    @property
    def names_log_groups(self) -> bool:
        """Whether the text itself says which log groups it is for."""
        return any(stage.command == "source" for stage in self.stages)


@dataclass(slots=True)
class _Reading:
    """What is known of a query after some of its stages."""

    ending: Ending = field(default_factory=Ending)
    combining: list[Stage] = field(default_factory=list)
    after_combining: list[str] = field(default_factory=list)
    obstacle: str = ""

    def take(self, stage: Stage, text: str) -> None:
        """Go on by one stage."""
        command = stage.command
        if any(token.is_symbol("|") for token in stage.tokens):
            self._combine(stage, "a query inside the query")
        elif command in _ORDERING:
            self._order(stage, text)
        elif command in _LOOK_AT_ONE_EVENT or command in _CHOOSE_OR_MULTIPLY:
            if self.combining:
                self.after_combining.append(command)
            if command in _CHOOSE_OR_MULTIPLY and self.ending.limit is not None:
                self._obstruct(f"{command} after limit")
        else:
            self._combine(stage, "")

    def _combine(self, stage: Stage, obstacle: str) -> None:
        if obstacle or self.ending.limit is not None:
            self._obstruct(obstacle or f"{stage.command or 'what comes'} after limit")
        self.combining.append(stage)
        self.ending = Ending()

    def _order(self, stage: Stage, text: str) -> None:
        known = self.ending
        if stage.command == "sort":
            keys = _sort_keys(stage, text)
            self.ending = replace(known, final_order=keys) if known.limit is not None else replace(known, order=keys)
            return
        count = _count(stage)
        from_end = stage.command in _LAST
        if known.limit is None:
            self.ending = replace(known, limit=count, from_end=from_end)
        elif known.final_order or from_end or known.from_end:
            self._obstruct("more than one limit")
        elif count is not None:
            self.ending = replace(known, limit=min(count, known.limit))

    def _obstruct(self, obstacle: str) -> None:
        self.obstacle = self.obstacle or obstacle


def read_pipeline(text: str) -> Pipeline:
    """What the query `text` does. Text that AWS will refuse is read as far as it can be."""
    stages = tuple(Stage(tokens) for tokens in split_at(tokenize(text), "|"))
    reading = _Reading()
    for stage in stages:
        reading.take(stage, text)
    if reading.obstacle:
        return Pipeline(text, stages, Ending(), indivisible=reading.obstacle)
    if not reading.combining:
        return Pipeline(text, stages, reading.ending)
    aggregation = _addable(reading)
    if isinstance(aggregation, str):
        return Pipeline(text, stages, reading.ending, indivisible=aggregation)
    return Pipeline(text, stages, reading.ending, aggregation=aggregation)


def without_source(pipeline: Pipeline) -> str:
    """The text of `pipeline` without the commands that choose log groups."""
    kept = [stage for stage in pipeline.stages if stage.command != "source"]
    if len(kept) == len(pipeline.stages):
        return pipeline.text
    return "\n| ".join(pipeline.text[stage.start : stage.end] for stage in kept) or _DEFAULT_FIELDS


def without_blanks(expression: str) -> str:
    """How an expression is compared with a column that AWS named after it."""
    return "".join(expression.split()).replace("`", "")


def alias_of(item: Tokens) -> tuple[Tokens, str]:
    """The expression of an item such as `avg(x) as y`, and the name after `as` or empty text."""
    if len(item) > 2 and item[-2].is_word("as") and item[-1].is_name:
        return item[:-2], item[-1].text
    return item, ""


def _sort_keys(stage: Stage, text: str) -> tuple[SortKey, ...]:
    keys: list[SortKey] = []
    for item in split_at(stage.arguments, ","):
        descending = item[-1].is_word("desc")
        expression = item[:-1] if len(item) > 1 and item[-1].is_word("asc", "desc") else item
        written = text[expression[0].start : expression[-1].end]
        is_field = len(expression) == 1
        column = expression[0].text if is_field else without_blanks(written)
        keys.append(SortKey(column, written, descending, is_field))
    return tuple(keys)


def _count(stage: Stage) -> int | None:
    """The number of rows that a limit names; None where it names none, or more than anything has."""
    if len(stage.arguments) != 1:
        return None
    text = stage.arguments[0].text
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _addable(reading: _Reading) -> Aggregation | str:
    """The aggregation, or why the parts of it cannot be added up."""
    [first, *others] = reading.combining
    if first.command != "stats":
        return first.command or "a command that is not known"
    if others:
        return f"stats followed by {others[0].command}"
    if reading.after_combining:
        return f"{reading.after_combining[0]} after stats"
    values, keys = _values_and_keys(first.arguments)
    functions: list[tuple[str, str]] = []
    for item in split_at(values, ","):
        expression, alias = alias_of(item)
        function = expression[0].text.lower()
        if function not in _ADDABLE or not _is_one_call(expression):
            return f"{function}()" if _is_one_call(expression) else "an expression of several functions in stats"
        functions.append((alias or _joined(expression), function))
    columns = [alias or _joined(expression) for expression, alias in map(alias_of, split_at(keys, ","))]
    return Aggregation(frozenset(columns), tuple(functions))


def _values_and_keys(arguments: Tokens) -> tuple[Tokens, Tokens]:
    """What stands before and after `by` outside brackets."""
    depth = 0
    for place, token in enumerate(arguments):
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        if depth == 0 and token.is_word("by"):
            return arguments[:place], arguments[place + 1 :]
    return arguments, ()


def _is_one_call(expression: Tokens) -> bool:
    """Whether the expression is a single call, `name(...)`, and nothing beside it."""
    if len(expression) < 3 or not expression[1].is_symbol("("):
        return False
    depth = 0
    for place, token in enumerate(expression):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth == 0 and place > 0:
            return place == len(expression) - 1
    return False


def _joined(expression: Tokens) -> str:
    return "".join(_written(token) for token in expression)


def _written(token: Token) -> str:
    return f'"{token.text}"' if token.kind is Kind.STRING else token.text
