import subprocess
from pathlib import Path

import pytest

from security import committed_secrets

# Put together here, so that this file holds none.
PRIVATE_KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG"
SECRETS = [
    PRIVATE_KEY,
    PRIVATE_KEY.replace("PRIVATE", "EC PRIVATE"),
    "AKIA" + "IJKLMNOPABCD2345",
    "eyJ" + "hbGciOiJSUzI1NiJ9" + ".eyJ" + "zdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    "ghp_" + "a" * 36,
    "npm_" + "b" * 36,
    "rediss://user:" + "averylongpassword@redis:6380",
]
HARMLESS = [
    "ASIAQWERTYUIOPASDFGH",
    "rediss://user:{password}@redis",
    "https://example.com:8443/path@1",
    "-----BEGIN PRIVATE KEY-----",
    "eyJ is how a token begins",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_found(secret: str) -> None:
    assert [line for line, _ in committed_secrets.found_in(f"one\ntwo {secret}\n")] == [2]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_not(text: str) -> None:
    assert list(committed_secrets.found_in(text)) == []


def test_a_committed_secret_is_reported_without_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("committed.txt", "ignored.txt"):
        (tmp_path / name).write_text(f"x\n{SECRETS[2]}\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S607
    assert committed_secrets.main(tmp_path) == 0
    subprocess.run(["git", "add", "committed.txt"], cwd=tmp_path, check=True)  # noqa: S607
    assert committed_secrets.main(tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.err == "committed.txt:2: an AWS access key\n"
    assert SECRETS[2] not in printed.out
