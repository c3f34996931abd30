"""Which licences installed packages have, as their own metadata says. Must not guess: an unknown one is a fault."""

import re
from importlib import metadata
from typing import Final

_PERMISSIVE: Final = {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "Zlib"}
_PERMISSIVE_MIT_AND_PSF: Final = {"MIT", "MIT-0", "MIT-CMU", "PSF-2.0"}
_FILE_BY_FILE: Final = {"MPL-2.0"}  # asks for the source of changed files of its own only
ALLOWED: Final = _PERMISSIVE | _PERMISSIVE_MIT_AND_PSF | _FILE_BY_FILE
# What metadata older than PEP 639 calls them: trove classifiers and free words.
_OLD_NAMES: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def of(distribution: metadata.Distribution) -> frozenset[str]:
    """The licences' SPDX names (or what the package wrote); empty when it says nothing.

    Of several licences all count, also where the package offers a choice: none of them may be one that is not allowed.
    """
    head = distribution.metadata
    if expression := _first(head, "License-Expression"):
        return frozenset(re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", expression)) - {""}
    classified = [line.split(" :: ") for line in head.get_all("Classifier") or () if line.startswith("License :: OSI")]
    names = {parts[-1] for parts in classified if len(parts) > 2}
    if not names and (written := _first(head, "License").strip()):
        names = {written.splitlines()[0]}
    return frozenset(_OLD_NAMES.get(name, name) for name in names)


def _first(head: metadata.PackageMetadata, name: str) -> str:
    return str(next(iter(head.get_all(name) or ()), ""))


def faults(packages: set[str]) -> tuple[list[str], list[str]]:
    """What is wrong with the licences of those packages, and which of them are not installed here."""
    wrong: list[str] = []
    absent: list[str] = []
    for package in sorted(packages):
        try:
            licences = of(metadata.distribution(package))
        except metadata.PackageNotFoundError:
            absent.append(package)
            continue
        if not licences:
            wrong.append(f"licence: {package} names none")
        if unknown := sorted(licences - ALLOWED):
            wrong.append(f"licence: {package}: {', '.join(unknown)} is not in the list of security/licences.py")
    return wrong, absent
