from pathlib import Path

import pytest

from deploy.local.state_directory import StackAlreadyRunningError, StackNotRunningError, StateDirectory


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    state = StateDirectory(tmp_path / "state")
    state.prepare()
    return state


def test_a_description_is_private_and_comes_back_whole(state: StateDirectory) -> None:
    state.write_stack({"mcp_url": "http://127.0.0.1:3334/mcp"})
    assert state.read_stack() == {"mcp_url": "http://127.0.0.1:3334/mcp"}
    assert state.stack_file.stat().st_mode & 0o777 == 0o600
    assert state.root.stat().st_mode & 0o777 == 0o700


def test_without_a_stack_the_way_to_start_one_is_told(state: StateDirectory) -> None:
    with pytest.raises(StackNotRunningError, match="make run"):
        state.read_stack()


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_description_is_no_stack(state: StateDirectory, content: str) -> None:
    state.stack_file.write_text(content)
    with pytest.raises(StackNotRunningError, match="damaged"):
        state.read_stack()


def test_two_stacks_cannot_share_a_folder(state: StateDirectory) -> None:
    with state.lock(), pytest.raises(StackAlreadyRunningError):
        state.lock()
    state.lock().close()


def test_forgetting_removes_what_must_not_outlive_the_run(state: StateDirectory) -> None:
    state.write_stack({})
    state.aws_credentials_file.touch()
    state.forget_stack()
    state.forget_stack()
    assert not state.stack_file.exists()
    assert not state.aws_credentials_file.exists()
