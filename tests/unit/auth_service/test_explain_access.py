"""`python -m auth_service explain-access`."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from auth_service.explain_access import ADMITTED, MISCONFIGURED, NOT_ADMITTED, main
from tests.kit.process import REPOSITORY

POLICY = """
accounts: {prod: {account_id: "111122223333", role_arn: "arn:aws-cn:iam::111122223333:role/reader"}}
grants: [{groups: [ops], accounts: [prod]}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return file


def arguments(path: Path, *more: str) -> list[str]:
    return ["--issuer", "https://idp", "--user", "alice", "--policy-file", str(path), *more]


def test_as_text_and_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(path, "--group", "dev", "--group", "ops")) == ADMITTED
    text = capsys.readouterr().out
    assert "prod (111122223333, aws-cn) [default]: any region; by default cn-north-1" in text
    assert main(arguments(path, "--group", "ops", "--json")) == ADMITTED
    assert json.loads(capsys.readouterr().out)["default_account"] == "prod"


def test_who_may_nothing_is_told_by_the_exit_code(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(path, "--group", "dev", "--email", "a@example.com", "--scope", "openid")) == NOT_ADMITTED
    assert "it takes group ops" in capsys.readouterr().out


def test_a_faulty_policy_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(POLICY.replace("[prod]", "[dev]"))
    assert main(arguments(path)) == MISCONFIGURED
    assert "grants.0.accounts.0: no account is called dev" in capsys.readouterr().err


def test_without_a_file_the_configuration_must_be_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("AUTH_", "OAUTH_"))]:
        monkeypatch.delenv(name)
    assert main(["--issuer", "https://idp", "--user", "alice"]) == MISCONFIGURED
    assert "AUTH_LISTEN_ADDRESS: Field required" in capsys.readouterr().err


async def test_it_is_a_command_of_the_service(path: Path) -> None:
    command = [sys.executable, "-m", "auth_service", "explain-access", *arguments(path, "--group", "ops")]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env={}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors) == (ADMITTED, b"")
    assert b"MAY USE 1 account(s)" in output
