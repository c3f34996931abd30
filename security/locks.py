"""Reads which releases the lock files pin. Must not resolve, download or install anything."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
_NOT_OURS: Final = {".venv", ".cache", ".local", "node_modules"}
_ENTRY: Final = re.compile(r"\n(?=[^\s#])")
_PIN: Final = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")


@dataclass(frozen=True)
class Release:
    """One version of one package: the name as PEP 503 normalizes it."""

    name: str
    version: str


@dataclass(frozen=True)
class Lock:
    """What a lock file pins, and what is wrong with its form."""

    path: Path
    releases: tuple[Release, ...]
    faults: tuple[str, ...]


def find(pattern: str, root: Path = ROOT) -> list[Path]:
    """The files of the project whose names fit the glob, without what the project's verbs install."""
    return sorted(path for path in root.rglob(pattern) if not _NOT_OURS & set(path.relative_to(root).parts))


def read_python(path: Path) -> Lock:
    """A lock of pip's format: every entry must be pinned by version and have a hash."""
    releases: list[Release] = []
    faults: list[str] = []
    for entry in _ENTRY.split("\n" + path.read_text(encoding="utf-8")):
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        pin = _PIN.match(entry)
        if pin is None:
            faults.append(f"{path}: not pinned to a version: {entry.split()[0]}")
            continue
        releases.append(Release(canonicalize_name(pin[1]), pin[2]))
        if "--hash=sha256:" not in entry:
            faults.append(f"{path}: no hash: {pin[1]}")
    if not releases:
        faults.append(f"{path}: pins nothing")
    return Lock(path, tuple(releases), tuple(faults))


def read_npm(path: Path) -> Lock:
    """A package-lock.json: every package but the root must have its version and integrity."""
    packages: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("packages", {})
    installed = {place.rpartition("node_modules/")[2]: entry for place, entry in packages.items() if place}
    faults = [
        f"{path}: no {wanted}: {name}"
        for name, entry in installed.items()
        for wanted in ("version", "integrity")
        if wanted not in entry
    ]
    if not installed:
        faults.append(f"{path}: pins nothing")
    releases = tuple(Release(name, str(entry.get("version"))) for name, entry in installed.items())
    return Lock(path, releases, tuple(faults))
