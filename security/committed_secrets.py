"""Looks for secrets in the files that git has: `python -m security.committed_secrets` exits with 1 and says where.

It knows the forms that a machine can tell for sure: private keys, AWS access keys, signed tokens, tokens of code hosts.
It never prints what it found. Test values are told by words that nobody gives out: `EXAMPLE`, `QWERTY`,
`SERVICEIDENTITY`, `correct-horse`.
"""

import re
import subprocess  # git, for the list of files  # nosec B404
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from security.locks import ROOT

_FORMS: Final = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)(?![A-Z0-9]*(?:EXAMPLE|QWERTY|SERVICEIDENTITY))[A-Z0-9]{16}\b"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a token of a code host": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})"),
    "a token of a package index": re.compile(r"\b(?:pypi-AgE[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{36})"),
    "a password in an address": re.compile(
        r"\b[a-z][a-z0-9+.-]*://[^\s/:@{}<>$\"']+:(?!correct-horse)[^\s/:@{}<>$\"']{12,}@"
    ),
}


def committed(root: Path = ROOT) -> list[Path]:
    """The files of the index. Raises CalledProcessError outside a git work tree."""
    command = ["git", "ls-files", "-z"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout  # noqa: S603 - no shell
    return [root / name for name in names.split("\0") if name and (root / name).is_file()]


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """(line, what) of each secret in the text."""
    for what, form in _FORMS.items():
        for match in form.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, what


def main(root: Path = ROOT) -> int:
    """Search every committed file; returns the exit code."""
    files = committed(root)
    places = []
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        places += [f"{path.relative_to(root)}:{line}: {what}" for line, what in sorted(found_in(text))]
    for place in places:
        print(place, file=sys.stderr)
    print(f"  searched {len(files)} committed files for secrets")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
