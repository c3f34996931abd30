"""`make revoke`: for whom, and what is said to the administrator's command."""

import argparse
import json
from pathlib import Path

import pytest

from auth_service import administration
from deploy.local.revoke import administrator, main, revocation

STACK = {
    "issuer": "http://127.0.0.1:9000",
    "users": {"alice": {"subject": "usr-alice"}},
    "grpc": {"auth": "127.0.0.1:9001"},
    "certificates": {"ca": "/s/ca.pem", "admin": {"cert": "/s/admin.pem", "key": "/s/admin.key"}},
}


def test_the_command_understands_what_it_is_given() -> None:
    options: argparse.Namespace = administration.parse(revocation(STACK, "alice"))
    assert (options.issuer, options.subject, options.sid) == ("http://127.0.0.1:9000", "usr-alice", "")
    assert options.reason
    assert administrator(STACK)["ADMIN_TLS_KEY_FILE"] == "/s/admin.key"


def test_without_a_stack_or_for_somebody_unknown_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--user", "alice", "--state-dir", str(tmp_path)]) == 1
    assert "make run" in capsys.readouterr().err
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    assert main(["--user", "mallory", "--state-dir", str(tmp_path)]) == 1
    assert "mallory" in capsys.readouterr().err
