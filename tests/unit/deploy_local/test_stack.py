"""The launcher's own decisions; what it starts is tried in the end-to-end tests."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.local import configuration, stack
from deploy.local.failures import describe
from deploy.local.loopback import free_ports, listening_socket
from deploy.local.state_directory import StateDirectory

EXTERNAL = {
    "OAUTH_ISSUER": "https://idp.example.com",
    "OAUTH_AUDIENCE": "cloudwatch",
    "AWS_ENDPOINT_URL": "https://aws.example.com",
    "AUTH_POLICY_FILE": __file__,
}


async def test_with_everything_external_nothing_is_started_but_all_is_described(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.prepare()
    (port,) = free_ports(1)
    chosen = configuration.read(EXTERNAL | {"CLOUDWATCH_MCP_PORT": str(port)})
    async with AsyncExitStack() as resources:
        launcher = stack.Launcher(state, chosen, resources)
        launcher.publish(await launcher.open(with_services=False), with_services=False)
        description = state.read_stack()
        assert launcher.children == []
    assert description["mcp_url"] == f"http://127.0.0.1:{port}/mcp"
    assert (description["issuer"], description["audience"]) == ("https://idp.example.com", "cloudwatch")
    assert description["aws_endpoint_url"] == "https://aws.example.com"
    assert description["users"] == {}
    assert description["pids"] == {"stack": os.getpid()}
    assert description["certificates"]["agent"]["key"] == str(state.certificates / "agent.key")
    assert "aws_credentials_file" not in description
    assert not state.stack_file.exists()


async def test_a_signal_stops_it_with_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDirectory(tmp_path)
    running = asyncio.ensure_future(stack.run_until_signalled(state, configuration.read(EXTERNAL), with_services=False))
    async with asyncio.timeout(10):
        while not state.stack_file.exists():  # noqa: ASYNC110 - that is how others learn of it too
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == stack.STOPPED
    assert not state.stack_file.exists()
    assert "everything is stopped" in capsys.readouterr().out


async def test_a_port_in_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening_socket() as bound:
        bound.listen()
        chosen = configuration.read(EXTERNAL | {"CLOUDWATCH_MCP_PORT": str(bound.getsockname()[1])})
        code = await stack.run_until_signalled(StateDirectory(tmp_path), chosen, with_services=False)
    assert code == stack.MISCONFIGURED
    assert "CLOUDWATCH_MCP_PORT" in capsys.readouterr().err


async def test_a_second_stack_in_the_same_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDirectory(tmp_path)
    state.prepare()
    with state.lock():
        code = await stack.run_until_signalled(state, configuration.read(EXTERNAL), with_services=False)
    assert code == stack.MISCONFIGURED
    assert "already running" in capsys.readouterr().err


def test_the_first_cause_of_a_nested_failure_is_told() -> None:
    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("the cause")]), OSError("later")])
    assert describe(nested) == "the cause"
    assert describe(TimeoutError()) == "TimeoutError"
