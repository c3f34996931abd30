import json
from pathlib import Path
from typing import Any

import pytest

from security import advisories
from security.locks import Release


def _document(events: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    affected = {"package": {"name": "Some_Package"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": "PYSEC-1", "affected": [affected | more.pop("affected", {})]} | more


@pytest.mark.parametrize(
    ("events", "affected", "not_affected"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2"}], ["0.1", "1.1.9"], ["1.2", "2"]),
        (
            [{"introduced": "1"}, {"fixed": "1.2"}, {"introduced": "2"}, {"fixed": "2.1"}],
            ["1.1", "2.0"],
            ["0.9", "1.2"],
        ),
        ([{"introduced": "1"}, {"last_affected": "1.2"}], ["1.2"], ["1.2.1"]),
        ([{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "3"}], ["1", "3", "99"], ["1.2", "2.9"]),
        ([{"introduced": "0"}], ["0.1", "99"], []),
    ],
)
def test_ranges_of_the_database(
    tmp_path: Path, events: list[dict[str, str]], affected: list[str], not_affected: list[str]
) -> None:
    known = _load(tmp_path, advisories.take_snapshot([_document(events)]))
    hit = [version for version in affected + not_affected if list(known.of(Release("some-package", version)))]
    assert hit == affected


def _load(tmp_path: Path, snapshot: list[dict[str, Any]], own: str = "advisories: []\naccepted: {}") -> Any:
    (tmp_path / "snapshot.json").write_text(json.dumps({"date": "2026-01-02", "advisories": snapshot}))
    (tmp_path / "own.yaml").write_text(f"reviewed: 2026-01-03\n{own}\n")
    return advisories.load(tmp_path / "snapshot.json", tmp_path / "own.yaml")


def test_listed_versions_count_where_ranges_cannot_be_read(tmp_path: Path) -> None:
    more = {"affected": {"versions": ["0.1", "0.2.0-n653"]}}
    snapshot = advisories.take_snapshot([_document([{"introduced": "0"}, {"fixed": "0.2.0-n653"}], **more)])
    assert snapshot == [{"id": "PYSEC-1", "package": "some-package", "affected": ["==0.1"]}]


def test_withdrawn_advisories_and_other_kinds_of_ranges_are_left_out() -> None:
    git = {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "2545222a"}]}]}
    withdrawn = _document([{"introduced": "0"}], withdrawn="2022-01-01")
    assert advisories.take_snapshot([withdrawn, _document([], affected=git)]) == []


def test_later_advisories_count_too(tmp_path: Path) -> None:
    own = 'advisories: [{id: CVE-1, package: PyJWT, affected: ["<2.13", "==2.14.0"], source: x}]\naccepted: {}'
    known = _load(tmp_path, [], own)
    assert [version for version in ("2.12", "2.13", "2.14.0") if list(known.of(Release("pyjwt", version)))] == [
        "2.12",
        "2.14.0",
    ]


@pytest.mark.parametrize(
    "own",
    [
        "advisories: []\naccepted: {CVE-1: ''}",
        "advisories: [{id: CVE-1, package: x, affected: []}]\naccepted: {}",
        "advisories: [{id: CVE-1, package: x, affected: ['about 2']}]\naccepted: {}",
        "advisories: [{id: CVE-1, affected: ['<2']}]\naccepted: {}",
    ],
)
def test_incomplete_entries_are_refused(tmp_path: Path, own: str) -> None:
    with pytest.raises(ValueError, match="CVE-1"):
        _load(tmp_path, [], own)


def test_the_committed_lists_know_old_releases() -> None:
    known = advisories.load()
    assert "PYSEC-2021-76" in {advisory.name for advisory in known.of(Release("aiohttp", "3.7.3"))}
    assert "CVE-2026-48526" in {advisory.name for advisory in known.of(Release("pyjwt", "2.12.1"))}
