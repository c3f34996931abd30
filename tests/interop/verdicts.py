"""What a case says may differ against what differs."""

from collections.abc import Iterator, Mapping

from tests.interop.cases.case import Case
from tests.interop.comparison import Difference


def complaints(case: Case, found: Mapping[str, Difference]) -> Iterator[str]:
    """One text for each difference that is not declared, and for each declared one that is none any more."""
    for path, difference in found.items():
        if not any(_covers(declared, path) for declared in case.differs):
            yield f"{case.id}\n    {path}\n      peer: {difference.peer}\n      ours: {difference.ours}"
    for declared in case.differs:
        if not any(_covers(declared, path) for path in found):
            yield f"{case.id}\n    {declared}: declared as a difference, but the answers are the same here"


def _covers(declared: str, path: str) -> bool:
    return path.startswith(declared[:-1]) if declared.endswith("*") else path == declared
