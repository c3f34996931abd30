"""Which releases have a published vulnerability, by two lists that the project keeps beside this file.

`pypa_advisories.json` is a snapshot of the PyPA advisory database, written by

    python -m security.advisories path/to/a/clone/of/pypa/advisory-database

`advisories.yaml` is kept by hand: what was published later about packages that the locks pin, and what is accepted.
Must not ask the network.
"""

import argparse
import json
import subprocess  # git, to say which commit was read  # nosec B404
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from security.locks import Release

_HERE: Final = Path(__file__).resolve().parent
SNAPSHOT: Final = _HERE / "pypa_advisories.json"
KEPT: Final = _HERE / "advisories.yaml"


@dataclass(frozen=True)
class Advisory:
    """A vulnerability of a package: it affects the versions in any of the sets."""

    name: str
    package: str
    affected: tuple[SpecifierSet, ...]

    def affects(self, version: str) -> bool:
        """Whether that version is affected. Raises InvalidVersion when it is none (PEP 440)."""
        parsed = Version(version)
        return any(versions.contains(parsed, prereleases=True) for versions in self.affected)


@dataclass(frozen=True)
class Advisories:
    """All that is known, from when, and which advisories are accepted, each with its reason."""

    snapshot_date: str
    reviewed: str
    snapshot: tuple[Advisory, ...]
    later: tuple[Advisory, ...]
    accepted: dict[str, str]

    def of(self, release: Release) -> Iterator[Advisory]:
        """Every advisory that applies to the release, accepted or not."""
        for advisory in (*self.snapshot, *self.later):
            if advisory.package == release.name and advisory.affects(release.version):
                yield advisory


def load(snapshot: Path = SNAPSHOT, kept: Path = KEPT) -> Advisories:
    """Both lists. Raises ValueError where an entry is incomplete, OSError when a file is missing."""
    taken = json.loads(snapshot.read_text(encoding="utf-8"))
    own = yaml.safe_load(kept.read_text(encoding="utf-8"))
    accepted: dict[str, str] = own["accepted"] or {}
    if unexplained := sorted(name for name, reason in accepted.items() if not str(reason or "").strip()):
        raise ValueError(f"{kept}: accepted without a reason: {', '.join(unexplained)}")
    return Advisories(
        snapshot_date=taken["date"],
        reviewed=str(own["reviewed"]),
        snapshot=tuple(_advisory(entry, snapshot) for entry in taken["advisories"]),
        later=tuple(_advisory(entry, kept) for entry in own["advisories"]),
        accepted=accepted,
    )


def _advisory(entry: dict[str, Any], source: Path) -> Advisory:
    try:
        affected = tuple(SpecifierSet(versions) for versions in entry["affected"])
        name = canonicalize_name(entry["package"])
    except (KeyError, InvalidSpecifier) as error:
        raise ValueError(f"{source}: {entry}: {error}") from error
    if not affected:
        raise ValueError(f"{source}: {entry['id']} affects no version")
    return Advisory(entry["id"], name, affected)


def take_snapshot(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The database's documents (OSV schema, https://ossf.github.io/osv-schema/) as entries of the snapshot.

    Withdrawn advisories are left out. Where the ranges are missing or are none by PEP 440, the listed versions count.
    """
    entries = []
    for document in documents:
        if document.get("withdrawn"):
            continue
        for affected in document.get("affected", ()):
            ranges = [*_ranges(affected)]
            if not all(map(_is_version_set, ranges)):
                ranges = []
            listed = (f"=={version}" for version in affected.get("versions", ()))
            if versions := ranges or [*filter(_is_version_set, listed)]:
                package = canonicalize_name(affected["package"]["name"])
                entries.append({"id": document["id"], "package": package, "affected": versions})
    return sorted(entries, key=lambda entry: (entry["package"], entry["id"]))


def _is_version_set(text: str) -> bool:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def _ranges(affected: dict[str, Any]) -> Iterator[str]:
    for versions in affected.get("ranges", ()):
        if versions["type"] != "ECOSYSTEM":
            continue
        lower = ""
        for event in versions["events"]:
            if "introduced" in event:
                lower = "" if event["introduced"] == "0" else f">={event['introduced']}"
            else:
                upper = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
                yield ",".join(filter(None, (lower, upper)))
        if "introduced" in versions["events"][-1]:
            yield lower or ">=0"


def main() -> int:
    """Write the snapshot anew from a clone of the database; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clone", type=Path, help="a clone of pypa/advisory-database")
    clone = parser.parse_args().clone
    command = ["git", "-C", str(clone), "log", "-1", "--format=%H %cs"]
    described = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - no shell
    commit, date = described.stdout.split()
    files = sorted((clone / "vulns").rglob("*.yaml"))
    if not files:
        print(f"no advisories in {clone}/vulns", file=sys.stderr)
        return 1
    entries = take_snapshot(yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
    head = {"source": "pypa/advisory-database", "licence": "CC-BY-4.0", "commit": commit, "date": date}
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    SNAPSHOT.write_text(f'{json.dumps(head)[:-1]}, "advisories": [\n{lines}\n]}}\n', encoding="utf-8")
    load()
    print(f"{len(entries)} entries of {date}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
