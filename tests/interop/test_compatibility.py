"""Both servers give the same answers, but for what is declared; and docs/compatibility.md says so."""

import json
from collections import Counter

import pytest

from tests.interop import reasons
from tests.interop.cases import BY_WAIT, CASES
from tests.interop.cases.case import Case
from tests.interop.document import DOCUMENT, render
from tests.interop.side_by_side import SideBySide
from tests.interop.verdicts import complaints
from tests.kit.process import REPOSITORY

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("case", BY_WAIT, ids=[case.id for case in BY_WAIT])
async def test_answers_differ_only_as_declared(both: SideBySide, case: Case) -> None:
    wrong = list(complaints(case, await both.differences(case)))
    assert not wrong, "\n".join(wrong)


async def test_every_tool_of_the_contract_is_compared() -> None:
    contract = json.loads((REPOSITORY / "tests" / "contract" / "tool_contract.json").read_text())
    assert {case.tool for case in CASES} == {tool["name"] for tool in contract["tools"]}


async def test_cases_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []


async def test_every_reason_is_used() -> None:
    declared = {reason for reason in vars(reasons).values() if isinstance(reason, reasons.Reason)}
    assert declared == {reason for case in CASES for reason in case.differs.values()}


async def test_the_document_is_fresh() -> None:
    assert DOCUMENT.read_text() == render(), "run `.venv/bin/python -m tests.interop` and commit docs/compatibility.md"
