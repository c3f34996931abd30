"""The static checks of `make check` find what they are for, and nobody silences them without a reason."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CHECKED = ("auth_service", "cloudwatch_service", "mcp_frontend", "servicekit", "deploy", "security")

# By Bandit's number, which ruff's S rules share.
DANGEROUS = {
    "102": "exec(input())\n",
    "104": 'HOST = "0.0.0.0"\n',
    "113": "import requests\nrequests.get('https://example.com')\n",
    "301": "import pickle\npickle.loads(b'')\n",
    "307": "eval(input())\n",
    "311": "import random\nTOKEN = random.random()\n",
    "314": "from xml.etree import ElementTree\nElementTree.fromstring(input())\n",
    "324": "import hashlib\nhashlib.md5(b'')\n",
    "501": "import requests\nrequests.get('https://example.com', verify=False, timeout=1)\n",
    "506": "import yaml\nyaml.load(input(), yaml.UnsafeLoader)\n",
    "602": "import subprocess\nsubprocess.run(input(), shell=True)\n",
    "603": "import subprocess\nsubprocess.run([input()])\n",
    "607": "import subprocess\nsubprocess.run(['git'])\n",
    "608": "QUERY = 'SELECT * FROM t WHERE n = ' + input()\n",
    "105": 'password = "correct horse"\n',
    "106": 'connect(password="correct horse")\n',
    "107": 'def connect(password="correct horse"): ...\n',
}


def _bandit(folder: Path) -> str:
    command = [BIN / "bandit", "--quiet", "--configfile", ROOT / "pyproject.toml", "--recursive", folder]
    ended = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert ended.returncode in (0, 1), ended.stderr
    assert (ended.returncode == 1) == ("Issue: [" in ended.stdout)
    return ended.stdout


def _ruff(folder: Path) -> str:
    command = [
        BIN / "ruff",
        "check",
        "--config",
        ROOT / "pyproject.toml",
        "--no-cache",
        "--output-format",
        "concise",
        folder,
    ]
    return subprocess.run(command, capture_output=True, text=True).stdout  # noqa: S603


def test_every_dangerous_line_is_found_by_bandit_or_where_it_is_left_to_ruff_by_ruff(tmp_path: Path) -> None:
    skipped = {name[1:] for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bandit"]["skips"]}
    assert skipped <= set(DANGEROUS), "a rule that Bandit skips needs a line here that ruff finds"
    for number, code in DANGEROUS.items():
        (tmp_path / f"rule_{number}.py").write_text(code)
    by_bandit, by_ruff = _bandit(tmp_path), _ruff(tmp_path)
    for number in DANGEROUS:
        finder, finding = (
            (by_ruff, rf"rule_{number}\.py:\d+:\d+: S{number}") if number in skipped else (by_bandit, f"B{number}:")
        )
        assert re.search(finding, finder), number


def test_text_that_reads_backwards_is_found(tmp_path: Path) -> None:
    (tmp_path / "trojan.py").write_text('LEVEL = "user\u202e \u2066# admin\u2069 \u2066"\n')
    assert "B613" in _bandit(tmp_path)


@pytest.mark.parametrize("package", CHECKED)
def test_nothing_is_silenced_without_a_reason(package: str) -> None:
    silenced = re.compile(r"# noqa: [A-Z0-9, ]*\bS\d+|# nosec")
    reason = re.compile(r"# noqa: [A-Z0-9, ]+ - \w|  # \w.*  # nosec B\d{3}$")
    lines = [
        (f"{path.relative_to(ROOT)}:{number}", line)
        for path in (ROOT / package).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if silenced.search(line)
    ]
    assert [place for place, line in lines if not reason.search(line)] == []


def test_no_folder_silences_a_security_rule_as_a_whole_but_the_tests() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    whole = {folder for folder, rules in ruff["per-file-ignores"].items() for rule in rules if re.match(r"S\d", rule)}
    assert whole == {"tests/**"}
    assert [rule for rule in ruff["ignore"] if re.match(r"S\d", rule)] == []


def test_the_check_runs_the_audit_over_every_package() -> None:
    makefile = (ROOT / "Makefile").read_text()
    check = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    audit = makefile.partition("\naudit:")[2].partition("\n\n")[0]
    assert "audit" in check.splitlines()[-1]
    assert [package for package in CHECKED if f" {package} " not in audit.replace("\t", " ")] == []
    assert "security.dependencies" in audit
    assert "security.committed_secrets" in audit
