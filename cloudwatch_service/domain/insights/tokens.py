"""The words of a log query, in Logs Insights QL, OpenSearch PPL or SQL. It must not know what any command means.

One pass, linear in the length of the text: what is not closed reaches to the end, and nothing is looked at twice.
Nothing is refused, because AWS has judged the query already or will.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

Tokens = tuple["Token", ...]

_TOKEN: Final = re.compile(
    r"""
      (?P<skipped>  \s+ | \#[^\n]* | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string>   '(?:[^'\\]|\\.)*(?:'|\\?\Z) | "(?:[^"\\]|\\.)*(?:"|\\?\Z) )
    | (?P<quoted>   `[^`]*(?:`|\Z) )
    | (?P<number>   \d[\w.]* )
    | (?P<name>     @?\w[\w@]*(?:\.[\w@]+)* )
    | (?P<symbol>   !=|<=|>=|<>|==|=~|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"(?P<regex>/(?:[^/\\\n]|\\.)+/)")
_OPENING: Final = ("(", "[", "{")
_CLOSING: Final = (")", "]", "}")
# After these words a slash begins a regular expression; after any other name or value it divides.
_BEFORE_REGEX: Final = ("and", "by", "in", "like", "not", "or", "regexp", "rlike", "xor")
_COMMANDS_WITH_REGEX: Final = ("grok", "parse", "rex")


class Kind(Enum):
    """What a token is."""

    NAME = "name"  # of a field, command, function or keyword: only its place tells
    QUOTED = "quoted"  # a name in back-quotes, without them: never a keyword
    STRING = "string"  # without its quotes; escapes as written
    NUMBER = "number"  # with its unit, as in 5m
    REGEX = "regex"  # without its slashes
    SYMBOL = "symbol"  # an operator or punctuation


_KINDS: Final = {kind.value: kind for kind in Kind}
_WITH_DELIMITERS: Final = (Kind.QUOTED, Kind.STRING, Kind.REGEX)


class Token(NamedTuple):
    """One word. `start` and `end` are where it is in the text, delimiters included."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether it can name a field: plain or in back-quotes."""
        return self.kind in (Kind.NAME, Kind.QUOTED)

    def is_symbol(self, *symbols: str) -> bool:
        """Whether it is one of `symbols`."""
        return self.kind is Kind.SYMBOL and self.text in symbols

    def is_word(self, *words: str) -> bool:
        """Whether it is one of `words` (in lower case), as keywords are written."""
        return self.kind is Kind.NAME and self.text.lower() in words


def tokenize(text: str) -> Tokens:
    """The tokens of `text`, without comments (#, --, /* */) and white space."""
    tokens: list[Token] = []
    command: Token | None = None
    position = 0
    regexes = _Regexes(text)
    while True:
        found = None
        if _wants_regex(tokens[-1] if tokens else None, command):
            found = regexes.match(position)
        found = found or _TOKEN.match(text, position)
        if found is None:
            return tuple(tokens)
        position = found.end()
        kind = _KINDS.get(found.lastgroup or "")
        if kind is None:
            continue
        token = Token(kind, _content(kind, found.group()), found.start(), position)
        if not tokens or tokens[-1].is_symbol("|"):
            command = token
        tokens.append(token)


def split_at(tokens: Sequence[Token], separator: str) -> list[Tokens]:
    """`tokens` parted at each `separator` outside brackets: the stages of a pipeline, the items of a list.

    Empty parts are left out.
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.is_symbol(*_OPENING):
            depth += 1
        elif token.is_symbol(*_CLOSING):
            depth = max(0, depth - 1)
        if depth == 0 and token.is_symbol(separator):
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts if part]


class _Regexes:
    """The regular expressions in a text. Where one slash is not closed on its line, no later one of the line is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._none_before = 0

    def match(self, position: int) -> re.Match[str] | None:
        """The one that begins at `position`, None where there is none."""
        text = self._text
        if position < self._none_before or not text.startswith("/", position) or text.startswith("/*", position):
            return None
        found = _REGEX.match(text, position)
        if found is None and not text.startswith("//", position):
            end = text.find("\n", position)
            self._none_before = len(text) if end < 0 else end
        return found


def _wants_regex(previous: Token | None, command: Token | None) -> bool:
    """Whether a slash after `previous` begins a regular expression rather than dividing what stands before it."""
    if previous is None or (command is not None and command.is_word(*_COMMANDS_WITH_REGEX)):
        return True
    if previous.kind is Kind.SYMBOL:
        return not previous.is_symbol(*_CLOSING)
    return previous.is_word(*_BEFORE_REGEX)


def _content(kind: Kind, written: str) -> str:
    if kind not in _WITH_DELIMITERS:
        return written
    is_closed = len(written) > 1 and written[-1] == written[0]
    return written[1:-1] if is_closed else written[1:]
