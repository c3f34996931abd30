"""Two answers compared field by field, after what may be spelled differently is spelled alike.

Spelled alike are: moments, query ids, the order of sets, numbers to nine digits, logical ids with and without a hash,
and sentences, of which only counts whether there is one. Fields beyond the contract are taken out of our answer, and
only those that `forms` lists.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isclose
from typing import Any, Final

from tests.interop.answers import Answer
from tests.interop.forms import Form

_EXACT: Final = 1e-9
_ROUGH: Final = 1e-3
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
_HASH: Final = re.compile("[0-9a-f]{12}(?=(Alarm|AnomalyDetector)$)")
_ABSENT: Final = object()
_SENTENCE: Final = "(a sentence)"
_MAX_SHOWN: Final = 160

FAILURE: Final = "(failure)"
"""One answers and the other fails."""
CAUSE: Final = "(cause)"
"""Both fail and only one says why."""
TEXT: Final = "(text)"
"""The text says something else than the structured content."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers differ: indices are left out of the path, the values are an example."""

    path: str
    peer: str
    ours: str


def compare(peer: Answer, ours: Answer, form: Form, cause: str | None) -> dict[str, Difference]:
    """The differences by path; `cause` is the word by which a failure's text says why.

    Raises ValueError when both fail and there is no such word to look for.
    """
    return {each.path: each for each in reversed(list(_compare(peer, ours, form, cause)))}


def _compare(peer: Answer, ours: Answer, form: Form, cause: str | None) -> Iterator[Difference]:
    if peer.is_error != ours.is_error:
        yield Difference(FAILURE, *(_shown(each.words if each.is_error else each.structured) for each in (peer, ours)))
    elif peer.is_error:
        if cause is None:
            raise ValueError("both failed: say by which word the text tells why")
        if (cause in peer.words) != (cause in ours.words):
            yield Difference(CAUSE, _shown(peer.words), _shown(ours.words))
    else:
        if peer.text_agrees() != ours.text_agrees():
            yield Difference(TEXT, _shown(peer.words), _shown(ours.words))
        of_peer, of_ours = _plain(peer.structured, form), _plain(_without_beyond(ours, form), form)
        yield from _differences("", of_peer, of_ours, form)


def _without_beyond(ours: Answer, form: Form) -> Any:
    return _pruned(ours.structured, "", form.beyond)


def _pruned(value: Any, path: str, beyond: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        kept = {name: inner for name, inner in value.items() if _joined(path, name) not in beyond}
        return {name: _pruned(inner, _joined(path, name), beyond) for name, inner in kept.items()}
    if isinstance(value, list):
        return [_pruned(item, f"{path}[]", beyond) for item in value]
    return value


def _plain(value: Any, form: Form, path: str = "") -> Any:
    """The value with one spelling for what has several."""
    if path in form.sentences and value:
        return _SENTENCE
    if path in form.moments and _MOMENT.fullmatch(str(value)):
        return "(a moment)"
    if isinstance(value, Mapping):
        named = {_plain_text(name): inner for name, inner in value.items()}
        plain = {name: _plain(inner, form, _joined(path, name)) for name, inner in named.items()}
        is_unknown = value.get("alarm_type") == "Unknown"
        return {
            name: _SENTENCE if is_unknown and inner and _joined(path, name) in form.sentences_of_unknown else inner
            for name, inner in plain.items()
        }
    if isinstance(value, list):
        items = [_plain(item, form, f"{path}[]") for item in value]
        return sorted(items, key=repr) if path in form.sets else items
    return _plain_text(value) if isinstance(value, str) else value


def _plain_text(text: str) -> str:
    if _UUID.fullmatch(text):
        return "(an id)"
    if _MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).isoformat() if moment.tzinfo else f"{text} without an offset"
    return _HASH.sub("", text)


def _differences(path: str, peer: Any, ours: Any, form: Form) -> Iterator[Difference]:
    if isinstance(peer, Mapping) and isinstance(ours, Mapping):
        for name in [*peer, *(name for name in ours if name not in peer)]:
            yield from _differences(_joined(path, name), peer.get(name, _ABSENT), ours.get(name, _ABSENT), form)
    elif isinstance(peer, list) and isinstance(ours, list):
        if len(peer) != len(ours):
            yield Difference(f"{path}[]", f"{len(peer)}: {_shown(peer)}", f"{len(ours)}: {_shown(ours)}")
        else:
            for of_peer, of_ours in zip(peer, ours, strict=True):
                yield from _differences(f"{path}[]", of_peer, of_ours, form)
    elif not _is_same(peer, ours, _ROUGH if path in form.rough else _EXACT):
        yield Difference(path, _shown(peer), _shown(ours))


def _is_same(peer: Any, ours: Any, relative_tolerance: float) -> bool:
    kinds = [type(value) for value in (peer, ours)]
    if all(kind in (int, float) for kind in kinds):
        return isclose(peer, ours, rel_tol=relative_tolerance)
    return kinds[0] is kinds[1] and bool(peer == ours)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> str:
    text = "absent" if value is _ABSENT else str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + " ..."
