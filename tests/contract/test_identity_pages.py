"""The pages about identity providers: their configuration loads, their links exist, and every preset has one."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auth_service.adapters.policy_file import read_issuers
from auth_service.domain.issuers import Introspection, Issuer
from auth_service.domain.presets import PRESETS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "identity").glob("*.md"))


def snippets() -> Iterator[Any]:
    for page in [*PAGES, ROOT / "docs" / "configuration.md"]:
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)):
            if text.startswith("issuers:"):
                yield pytest.param(text, id=f"{page.name} {number}")


@pytest.mark.parametrize("text", list(snippets()))
def test_a_pages_entry_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "issuers.yaml").write_text(text)
    assert read_issuers(tmp_path / "issuers.yaml")


def test_every_preset_is_shown_on_a_page(tmp_path: Path) -> None:
    shown = set()
    for snippet in snippets():
        (tmp_path / "issuers.yaml").write_text(snippet.values[0])
        shown |= {issuer.preset for issuer in read_issuers(tmp_path / "issuers.yaml").values()}
    assert shown == set(PRESETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_linked() -> None:
    readme = (ROOT / "docs" / "identity" / "README.md").read_text()
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in readme] == []


def test_every_field_of_the_table_is_documented() -> None:
    configuration = (ROOT / "docs" / "configuration.md").read_text()
    fields = [name for name in Issuer.model_fields if name != "preset"]
    assert [name for name in fields if f"`{name}`" not in configuration] == []
    opaque = (ROOT / "docs" / "identity" / "opaque-tokens.md").read_text()
    assert [name for name in Introspection.model_fields if name not in opaque] == []
