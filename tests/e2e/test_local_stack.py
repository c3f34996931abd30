"""`make run` as a person meets it: the real launcher, an AWS that enforces IAM, sign-in with PKCE, two accounts."""

import asyncio
import datetime as dt
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.kit.process import REPOSITORY, Child, child, logged

ALICE_ACCOUNT, BOB_ACCOUNT, SERVICE_ACCOUNT = "111111111111", "222222222222", "999988887777"
MINIMAL_ENVIRONMENT = {"PATH": os.defpath}
# The first start on a machine installs the embedded AWS.
START_TIMEOUT_S = 240.0


class _Stack:
    """The running stack and the commands that people use with it."""

    def __init__(self, process: Child, state_directory: Path) -> None:
        self.process = process
        self.state_directory = state_directory
        self.described: dict[str, Any] = json.loads((state_directory / "stack.json").read_text())

    async def command(self, module: str, user: str) -> tuple[int, str]:
        """The exit code and output of `python -m deploy.local.<module> --user <user>`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"deploy.local.{module}",
            "--user",
            user,
            "--state-dir",
            str(self.state_directory),
            cwd=REPOSITORY,
            env=MINIMAL_ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[_Stack]:
    environment = {**MINIMAL_ENVIRONMENT, "HOME": str(tmp_path)}
    async with child(
        "deploy.local.stack",
        "--state-dir",
        str(tmp_path / "state"),
        env=environment,
        log_file=tmp_path / "stack.log",
        ready=logged("CloudWatch MCP is up"),
        timeout_s=START_TIMEOUT_S,
    ) as process:
        yield _Stack(process, tmp_path / "state")


@pytest.mark.timeout(300)
async def test_people_get_answers_from_their_own_account_only(stack: _Stack) -> None:
    people = ("alice", "bob")
    answers = dict(zip(people, await asyncio.gather(*(stack.command("ask", user) for user in people)), strict=True))
    for user, own, foreign in (("alice", ALICE_ACCOUNT, BOB_ACCOUNT), ("bob", BOB_ACCOUNT, ALICE_ACCOUNT)):
        code, output = answers[user]
        assert code == 0, output
        assert own in output
        assert foreign not in output and SERVICE_ACCOUNT not in output
        assert "REFUSED" not in output
    assert "webshop" not in answers["alice"][1] and "payments" not in answers["bob"][1]
    _check_investigation(answers["alice"][1], "payments-order-failures", "/payments/orders-api", "order failed")
    _check_investigation(answers["bob"][1], "webshop-checkout-errors", "/webshop/storefront", '"status":502')
    _check_batch(answers["alice"][1], "/payments/card-gateway", ("acquirer north", "acquirer south"))
    _check_batch(answers["bob"][1], "/webshop/search", ("products is stale", "products-eu"))
    for user, alarm in (("alice", "payments-order-failures"), ("bob", "webshop-checkout-errors")):
        _check_chart(answers[user][1], stack.state_directory / "pictures" / user / f"{alarm}.png")

    code, output = await stack.command("ask", "carol")
    assert code == 2, output
    link = re.search(r"http://\S+/connect/l/[0-9a-f]{64}", _section(output, "Accounts"))
    assert link is not None
    await _connect(link[0], "carol")
    code, output = await stack.command("ask", "carol")
    assert code == 0, output
    assert BOB_ACCOUNT in output and "webshop-readonly" in output and ALICE_ACCOUNT not in output

    code, output = await stack.command("ask", "dave")
    assert code == 2, output
    assert "payments-order-failures" in _section(output, "Alarms that are firing")
    for title in ("Log groups (describe_log_groups)", "Log groups in eu-west-1"):
        assert "REFUSED: This user may not do this here: the permission logs.groups" in _section(output, title)

    code, token = await stack.command("token", "alice")
    assert code == 0
    await _ask_by_hand(stack, token.strip())

    stack.process.send(signal.SIGTERM)
    assert await stack.process.wait(timeout_s=30) == 0
    assert not (stack.state_directory / "stack.json").exists()
    logs = "".join(path.read_text() for path in (stack.state_directory / "logs").iterdir())
    assert "eyJ" not in logs  # how every JWT begins


async def _connect(link: str, person: str) -> None:
    """What that person does in a browser: signs in, asks for a code, approves it at the portal."""
    pages = f"http://{urlsplit(link).netloc}"
    async with httpx2.AsyncClient(follow_redirects=True, timeout=20, trust_env=False) as browser:
        asked = await browser.get(link)
        signed_in = await browser.get(asked.url.copy_merge_params({"login_hint": person}))
        token = re.search(r'name="form_token" value="([^"]+)"', signed_in.text)
        assert token is not None, signed_in.text
        form = {"form_token": token[1]}
        started = await browser.post(f"{pages}/connect/start", data=form, headers={"Origin": pages})
        portal = re.search(r'href="([^"]+/device\?user_code=[^"]+)"', started.text)
        assert portal is not None, started.text
        user_code = parse_qs(urlsplit(unescape(portal[1])).query)["user_code"][0]
        address = unescape(portal[1]).partition("?")[0]
        allowed = await browser.post(address, data={"user_code": user_code, "person": person})
        assert "Access allowed" in allowed.text
        done = await browser.get(f"{pages}/connect?check=1")
        assert "webshop-readonly" in done.text, done.text


def _section(output: str, title: str) -> str:
    """What stands under the only headline that begins with `title`."""
    (found,) = (part for part in output.split("\n\n") if part.startswith(title))
    return found


def _check_investigation(output: str, alarm: str, log_group: str, error: str) -> None:
    """From the alarm by its history to the metric's values and the log group's errors of that time."""
    history = _section(output, f"What happened to {alarm} (get_alarm_history)")
    assert "OK -> ALARM" in history
    assert f"The alarm went to ALARM at {dt.datetime.now(dt.UTC):%Y-%m-}" in history
    metric = next(part for part in output.split("\n\n") if "in that time (get_metric_data)" in part)
    assert re.search(r"\(\d+ points, the latest shown\)", metric)
    logs = _section(output, f"Errors in {log_group} in that time (execute_log_insights_query)")
    assert error in logs and "(status Complete)" in logs


def _check_batch(output: str, log_group: str, messages: tuple[str, str]) -> None:
    """Rows of both regions, in order of time."""
    title = f"Errors of {log_group} in us-east-1 and eu-west-1 (execute_cwl_insights_batch)"
    rows = [line for line in _section(output, title).splitlines() if line.startswith(("us-east-1", "eu-west-1"))]
    assert len(rows) == 10
    for region, message in zip(("us-east-1", "eu-west-1"), messages, strict=True):
        assert any(row.startswith(region) and message in row for row in rows)
    times = [row.split("  ")[1].strip() for row in rows]
    assert times == sorted(times, reverse=True)


def _check_chart(output: str, path: Path) -> None:
    """A picture of a useful size is where the output says."""
    told = re.search(rf"saved as {re.escape(str(path))}: (\d+) x (\d+) pixels, ([\d,]+) bytes", output)
    assert told is not None, output
    assert int(told[1]) >= 400 and int(told[2]) >= 200
    assert len(path.read_bytes()) == int(told[3].replace(",", ""))


async def _ask_by_hand(stack: _Stack, token: str) -> None:
    """The README's request, in another region that the policy allows, and in one that it does not."""
    headers = {"Authorization": f"Bearer {token}"}
    message: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_active_alarms", "arguments": {"region": "eu-west-1"}},
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        response = await http.post(stack.described["mcp_url"], json=message, headers=headers)
        assert response.status_code == 200
        result = response.json()["result"]
        assert not result["isError"], result
        assert BOB_ACCOUNT not in response.text and "webshop" not in response.text
        message["params"]["arguments"] = {"region": "ap-south-1"}
        response = await http.post(stack.described["mcp_url"], json=message, headers=headers)
        assert response.json()["result"]["isError"]
        assert "eu-west-1" in response.json()["result"]["content"][0]["text"]
