"""What `make ask` says when it cannot ask."""

from typing import Any

import pytest

from deploy.local import ask
from deploy.local.state_directory import StateDirectory


def test_without_a_stack_the_way_to_start_one_is_told(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask.main(["--user", "alice", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "make run" in capsys.readouterr().err


def test_a_stack_that_does_not_answer_is_told(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDirectory(tmp_path)
    state.write_stack({"mcp_url": "http://127.0.0.1:1/mcp", "users": {"alice": {}}})
    assert ask.main(["--user", "alice", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "is the stack still running?" in capsys.readouterr().err
    assert ask.main(["--user", "mallory", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "there are alice" in capsys.readouterr().err
