"""docs/compatibility.md: the table of cases in words for people. It must not depend on when it is made."""

import inspect
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, get_args

from tests.interop import test_faults
from tests.interop.cases import CASES
from tests.interop.cases.case import Case
from tests.interop.forms import FORMS
from tests.interop.reasons import Reason, Verdict
from tests.kit.process import REPOSITORY

_PARAGRAPH: Final = "\n\n"
DOCUMENT: Final = REPOSITORY / "docs" / "compatibility.md"
_HEAD: Final = """\
# Compatibility with AWS Labs' server

Made by `.venv/bin/python -m tests.interop`, which asks both servers every call of the table in `tests/interop/cases`,
and writes this only when their answers differ exactly as the table says. Do not edit it by hand.

Prompts and agents written for AWS Labs' CloudWatch MCP server (`awslabs.cloudwatch-mcp-server` 0.3.1, "the peer" here)
work unchanged with this one. To know that, both get the same calls about the same simulated AWS account, the peer over
stdio, ours over HTTP through all three services, and the answers are compared field by field.
"""
_FAULTS: Final = """\
## Faults of the peer that no single answer shows

Each has a test in `tests/interop/test_faults.py` that shows the peer failing and ours right, about the same AWS:
"""
_SPELLING: Final = """\
## What counts as the same

* A moment in two spellings: `2026-01-01T00:00:00Z` and `2026-01-01T00:00:00+00:00`. A time without an offset is no
  moment.
* Two query ids, two orders of a set, and numbers that agree to nine digits;
  those that depend on the second in which they were asked for, to three.
* Two sentences for people: only whether there is one counts. Where both fail, what counts is whether the text says why.
* Logical ids of a CloudFormation template, which in ours end in a hash of all dimensions, so that two metrics that
  differ in the second dimension fit into one stack.
* Fields of ours that the peer does not have, and only these:
"""


def render(cases: Iterable[Case] = CASES) -> str:
    """The whole document."""
    by_tool = [(tool, list(group)) for tool, group in groupby(cases, key=lambda case: case.tool)]
    parts = [_HEAD, _summary(by_tool), _SPELLING + "\n".join(_beyond()) + "\n", "## Tool by tool\n"]
    parts += [_tool(tool, group) for tool, group in by_tool]
    parts.append(_FAULTS + "\n" + "\n".join(_faults()))
    return "\n".join(parts)


def _summary(by_tool: list[tuple[str, list[Case]]]) -> str:
    lines = ["| tool | calls | equal | different |", "|---|---|---|---|"]
    for tool, cases in by_tool:
        different = sum(bool(case.differs) for case in cases)
        lines.append(f"| [`{tool}`](#{tool}) | {len(cases)} | {len(cases) - different} | {different} |")
    everything = [case for _, cases in by_tool for case in cases]
    different = sum(bool(case.differs) for case in everything)
    lines.append(f"| all | {len(everything)} | {len(everything) - different} | {different} |")
    return "\n".join(lines) + "\n"


def _beyond() -> Iterator[str]:
    for tool, form in FORMS.items():
        if form.beyond:
            yield f"  * `{tool}`: {', '.join(f'`{path}`' for path in sorted(form.beyond))}"


def _tool(tool: str, cases: list[Case]) -> str:
    lines = [f"### {tool}", ""]
    equal = [case.name for case in cases if not case.differs]
    if equal:
        lines += [f"Equal: {'; '.join(equal)}.", ""]
    for verdict in get_args(Verdict):
        reasons = list(_reasons(cases, verdict))
        if reasons:
            lines += [f"Different, because {verdict}:", "", *reasons, ""]
    return "\n".join(lines)


def _faults() -> Iterator[str]:
    """The first paragraphs of the tests, in their order."""
    for name, test in vars(test_faults).items():
        if name.startswith("test_fault_"):
            yield f"* {' '.join((inspect.getdoc(test) or '').partition(_PARAGRAPH)[0].split())}\n"


def _reasons(cases: list[Case], verdict: Verdict) -> Iterator[str]:
    found: dict[Reason, list[str]] = {}
    for case in cases:
        for reason in case.differs.values():
            if reason.verdict == verdict:
                found.setdefault(reason, []).append(case.name)
    for reason, names in found.items():
        yield f"* {reason.words} _Seen in: {'; '.join(dict.fromkeys(names))}._"
