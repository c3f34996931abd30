"""Audits the dependencies. `python -m security.dependencies` says what it audited and what not, and exits 1 on faults.

Every lock is pinned, has hashes, and no known vulnerability by the lists of `advisories.py`; the least versions that
pyproject.toml allows are held to the same lists; so are licences to the list of `licences.py`. Where a vulnerability
service can be reached it is asked too (`vulnerability_services.py`). Must not call audited what nobody looked at.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from security import licences, locks, vulnerability_services
from security.advisories import Advisories, load
from security.locks import ROOT, Lock, Release

_INSTALLED: Final = "requirements.lock"  # what .venv holds; the other locks have environments of their own


def least_versions(pyproject: dict[str, Any]) -> Iterable[Release]:
    """The lowest version that each requirement with a lower bound allows."""
    project = pyproject["project"]
    for requirement in map(Requirement, chain(project["dependencies"], *project["optional-dependencies"].values())):
        for bound in requirement.specifier:
            if bound.operator in (">=", "=="):
                yield Release(canonicalize_name(requirement.name), bound.version)


def known_vulnerable(releases: Iterable[Release], known: Advisories, place: str) -> list[str]:
    """A line for each release of `place` that an advisory affects and nobody accepted."""
    return [
        f"{place}: {release.name} {release.version} is affected by {advisory.name}"
        for release in releases
        for advisory in known.of(release)
        if advisory.name not in known.accepted
    ]


def _ask_services(python_locks: list[Path], npm_locks: list[Path], known: Advisories) -> list[str]:
    faults = []
    answers = {"pip-audit": vulnerability_services.ask_pip_audit(python_locks)}
    answers |= {f"npm audit of {path.relative_to(ROOT)}": vulnerability_services.ask_npm(path) for path in npm_locks}
    for auditor, answer in answers.items():
        if isinstance(answer, str):
            print(f"  NOT audited by {auditor}: {answer}")
            continue
        print(f"  audited by {auditor}")
        for part in answer.unaudited:
            print(f"  NOT audited by {auditor}: {part}")
        found = [pair for pair in answer.vulnerable if pair[1] not in known.accepted]
        faults += [f"{auditor}: {release}: {advisory}" for release, advisory in found]
    return faults


def _audit_licences(lock: Lock) -> list[str]:
    packages = {release.name for release in lock.releases}
    wrong, absent = licences.faults(packages)
    print(f"  licences of {len(packages) - len(absent)} packages of {_INSTALLED}, by their metadata")
    if absent:
        print(f"  NOT audited, licences of what is not installed on this machine: {', '.join(absent)}")
    print("  NOT audited, licences of the other locks: they serve tests and `make run`, and are never shipped")
    return wrong


def main() -> int:
    """Run the audit; returns the exit code."""
    known = load()
    python_locks = [locks.read_python(path) for path in locks.find("*.lock")]
    npm_locks = [locks.read_npm(path) for path in locks.find("package-lock.json")]
    faults = []
    for lock in (*python_locks, *npm_locks):
        faults += [re.sub(f"^{re.escape(str(ROOT))}/", "", fault) for fault in lock.faults]
        print(f"  {len(lock.releases)} releases of {lock.path.relative_to(ROOT)}: pinned, with hashes")
    for lock in python_locks:
        faults += known_vulnerable(lock.releases, known, str(lock.path.relative_to(ROOT)))
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    faults += known_vulnerable(least_versions(pyproject), known, "pyproject.toml allows")
    print(f"  {len(known.snapshot)} advisories of the PyPA database as of {known.snapshot_date}")
    print(f"  {len(known.later)} later advisories, reviewed on {known.reviewed}; {len(known.accepted)} accepted")
    faults += _audit_licences(next(lock for lock in python_locks if lock.path == ROOT / _INSTALLED))
    faults += _ask_services([lock.path for lock in python_locks], [lock.path for lock in npm_locks], known)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
