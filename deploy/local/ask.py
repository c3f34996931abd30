"""`make ask USER=alice`: a real MCP client that signs in, puts the main questions to the stack and prints the answers.

It takes the way of any MCP client: it learns of the identity provider from the refusal of its first request, registers
itself, and signs in with PKCE. Only the person's click is replaced, by `login_hint`.
"""

import argparse
import asyncio
import datetime as dt
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.shared.exceptions import MCPError
from pydantic import AnyUrl

from deploy.local import answers
from deploy.local.failures import describe, first_cause
from deploy.local.loopback import http_client
from deploy.local.sign_in import REDIRECT_URI, AuthorizationAnswer, SignInError, authorize, require_known_user
from deploy.local.state_directory import DEFAULT_STATE_DIRECTORY, StackNotRunningError, StateDirectory

ANSWERED, FAILED, REFUSED = 0, 1, 2
# Longer than the server's own bound on a query.
_CALL_TIMEOUT_S: Final = 90.0
_WINDOW: Final = dt.timedelta(hours=3)
_LATEST_EVENTS: Final = "fields @timestamp, @message | sort @timestamp desc | limit 5"


class _InMemory:
    """Keeps the client's registration and tokens for one run; nothing is written."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


def signing_in_as(username: str, mcp_url: str) -> OAuthClientProvider:
    """OAuth for an MCP client, with the person's part done by `login_hint`."""
    received: list[AuthorizationAnswer] = []

    async def open_address(url: str) -> None:
        async with http_client() as client:
            received.append(await authorize(client, url, username))

    async def wait_for_answer() -> AuthorizationCodeResult:
        answer = received.pop()
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)

    metadata = OAuthClientMetadata(
        client_name="make ask",
        redirect_uris=[AnyUrl(REDIRECT_URI)],
        token_endpoint_auth_method="none",  # noqa: S106 - says that this client has no secret
    )
    return OAuthClientProvider(mcp_url, metadata, _InMemory(), open_address, wait_for_answer)


class Questions:
    """The questions of one run, each printed with its answer."""

    def __init__(self, client: Client, write: Callable[[str], None]) -> None:
        self._client = client
        self._write = write
        self.refused = False

    async def put_all(self) -> None:
        """Ask everything. A refusal does not stop the rest; what depends on a refused answer is left out."""
        tools = (await self._client.list_tools()).tools
        self._write(answers.section(f"{len(tools)} tools", ", ".join(tool.name for tool in tools)))
        await self._ask("Accounts", "list_accounts", {}, answers.accounts)
        alarms = await self._ask("Alarms that are firing", "get_active_alarms", {}, answers.alarms)
        metric = answers.alarmed_metric(alarms)
        if metric is None:
            self._write(answers.section("Metric of an alarm", "left out: it takes an alarm that names a metric"))
        else:
            title = f"Metric of an alarm: {metric['namespace']} {metric['metric_name']}"
            await self._ask(title, "get_metric_data", metric, answers.datapoints)
        groups = await self._ask("Log groups", "describe_log_groups", {}, answers.log_groups)
        group = answers.first_log_group(groups)
        if group is None:
            self._write(answers.section("Latest events", "left out: it takes a log group"))
        else:
            query = _latest_events(group, dt.datetime.now(dt.UTC))
            await self._ask(f"Latest events of {group}", "execute_log_insights_query", query, answers.query_rows)

    async def _ask(
        self, title: str, tool: str, arguments: dict[str, Any], show: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any]:
        answer = answers.read_answer(await self._client.call_tool(tool, arguments))
        if answer.refusal:
            self.refused = True
            self._write(answers.section(f"{title} ({tool})", f"REFUSED: {answer.refusal}"))
            return {}
        self._write(answers.section(f"{title} ({tool})", show(answer.data)))
        return answer.data


async def ask(mcp_url: str, username: str, write: Callable[[str], None] = print) -> int:
    """Ask as that person; returns ANSWERED or REFUSED. Raises what the MCP client raises, possibly in a group."""
    async with (
        http_client(_CALL_TIMEOUT_S, auth=signing_in_as(username, mcp_url)) as http,
        Client(streamable_http_client(mcp_url, http_client=http)) as client,
    ):
        questions = Questions(client, write)
        write(f"{username} asks {mcp_url}")
        await questions.put_all()
    return REFUSED if questions.refused else ANSWERED


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 all answered, 2 something was refused, 1 it did not come to that."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.ask", description=__doc__)
    parser.add_argument("--user", required=True, help="who asks, such as alice")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIRECTORY, help="the stack's folder")
    options = parser.parse_args(arguments)
    try:
        stack = StateDirectory(options.state_dir).read_stack()
        require_known_user(stack["users"], options.user)
        return asyncio.run(ask(stack["mcp_url"], options.user))
    except (StackNotRunningError, SignInError, OAuthFlowError, MCPError, httpx2.HTTPError, ExceptionGroup) as error:
        unreachable = isinstance(first_cause(error), httpx2.TransportError)
        hint = "; is the stack still running?" if unreachable else ""
        print(f"ask: {describe(error)}{hint}", file=sys.stderr)
        return FAILED


def _latest_events(group: str, now: dt.datetime) -> dict[str, Any]:
    return {
        "log_group_names": [group],
        "start_time": (now - _WINDOW).isoformat(timespec="seconds"),
        "end_time": now.isoformat(timespec="seconds"),
        "query_string": _LATEST_EVENTS,
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # the SDK logs a traceback of what main tells in a line
    sys.exit(main())
