"""The page on threats: every module and every test that it names exists, and no attack is without a test."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
TEXT = PAGE.read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if re.match(r"\| [A-Z]\d", line)
]
ATTACKS = [row for row in ROWS if not row[0].lstrip("| ").startswith("Z")]
NAMED_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
NAMED_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yaml))`")


@cache
def _tests_of(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_named_test_exists() -> None:
    named = NAMED_TEST.findall(TEXT)
    assert len(named) > 150
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file() or name not in _tests_of(ROOT / "tests" / file)
    ]
    assert missing == []


def test_every_named_module_exists() -> None:
    named = NAMED_FILE.findall(TEXT)
    assert len(named) > 100
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_attack_has_what_stops_it_and_a_test() -> None:
    assert len(ATTACKS) > 80
    assert [row[0] for row in ATTACKS if len(row) != 4 or not row[2] or not NAMED_TEST.search(row[3])] == []


def test_rows_are_numbered_and_references_lead_to_them() -> None:
    numbers = [row[0].lstrip("| ") for row in ROWS]
    sections = dict.fromkeys(number[0] for number in numbers)
    expected = [f"{s}{n}" for s in sections for n in range(1, sum(number[0] == s for number in numbers) + 1)]
    assert numbers == expected
    assert set(re.findall(r"\(([A-Z]\d+)\)", TEXT)) <= set(numbers)


def test_links_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
