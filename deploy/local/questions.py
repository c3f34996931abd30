"""The questions of one `make ask`, each printed with its answer: what there is, one alarm's investigation, two regions.

It must not make anything up: a question whose occasion is missing is left out, and says so.
"""

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mcp.client import Client
from mcp.types import CallToolResult

from deploy.local import answers, next_questions
from deploy.local.next_questions import Subject

_UNSAFE_IN_FILE_NAMES: Final = re.compile(r"[^\w.-]+")
Show = Callable[[dict[str, Any]], str]


class Questions:
    """Puts them by `client`; `write` gets each section, `pictures` is the folder for charts."""

    def __init__(self, client: Client, write: Callable[[str], None], pictures: Path) -> None:
        self._client = client
        self._write = write
        self._pictures = pictures
        self.refused = False

    async def put_all(self) -> None:
        """Ask everything. A refusal does not stop the rest; what depends on a refused answer is left out."""
        tools = (await self._client.list_tools()).tools
        self._write(answers.section(f"{len(tools)} tools", ", ".join(tool.name for tool in tools)))
        accounts = await self._ask("Accounts", "list_accounts", {}, answers.accounts)
        alarms = await self._ask("Alarms that are firing", "get_active_alarms", {}, answers.alarms)
        groups = await self._ask("Log groups", "describe_log_groups", {}, answers.log_groups)
        names = next_questions.group_names(groups)
        subject = next_questions.subject(alarms, names)
        if subject is None:
            self._leave_out("Investigation of an alarm", "an alarm that names a metric")
        else:
            await self._investigate(subject)
            await self._draw(subject)
        await self._ask_regions(accounts, names)

    async def _investigate(self, subject: Subject) -> None:
        """From the alarm to its history, and in the time range suggested there to its metric and logs."""
        title = f"What happened to {subject.alarm_name}"
        arguments = {"alarm_name": subject.alarm_name}
        history = await self._ask(title, "get_alarm_history", arguments, answers.history)
        window = next_questions.suggested_range(history)
        if window is None:
            self._leave_out(f"Metric and logs around {subject.alarm_name}", "a suggested time range")
            return
        title = f"{subject.metric_title} in that time"
        await self._ask(title, "get_metric_data", {**subject.metric, **window}, answers.datapoints)
        if subject.log_group is None:
            self._leave_out(f"Errors around {subject.alarm_name}", "a log group that belongs to it")
            return
        query = next_questions.errors_of(subject.log_group, window)
        title = f"Errors in {subject.log_group} in that time"
        await self._ask(title, "execute_log_insights_query", query, answers.query_rows)

    async def _draw(self, subject: Subject) -> None:
        """A chart of the alarm's metric over the last three hours, saved as a file."""
        result = await self._call(
            f"Chart of {subject.metric_title}", "get_metric_data", {**subject.metric, "chart": True}
        )
        if result is None:
            return
        heading = f"Chart of {subject.metric_title} (get_metric_data)"
        png = answers.picture(result)
        if png is None:
            self.refused = True
            self._write(answers.section(heading, "REFUSED: the answer holds no picture"))
            return
        path = self._pictures / f"{_UNSAFE_IN_FILE_NAMES.sub('-', subject.alarm_name)}.png"
        await asyncio.to_thread(_save, path, png)
        width, height = answers.png_size(png)
        self._write(answers.section(heading, f"saved as {path}: {width} x {height} pixels, {len(png):,} bytes"))

    async def _ask_regions(self, accounts: dict[str, Any], names: list[str]) -> None:
        """The errors of the log groups that two regions have by the same name, in one batch."""
        regions = next_questions.two_regions(accounts)
        if regions is None:
            self._leave_out("Errors in two regions", "an account with two regions")
            return
        title, arguments = f"Log groups in {regions[1]}", {"region": regions[1]}
        groups = await self._ask(title, "describe_log_groups", arguments, answers.log_groups)
        shared = [name for name in next_questions.group_names(groups) if name in names]
        if not shared:
            self._leave_out("Errors in two regions", "a log group that both have")
            return
        query = next_questions.errors_of_regions(shared, regions, dt.datetime.now(dt.UTC))
        title = f"Errors of {', '.join(shared)} in {' and '.join(regions)}"
        await self._ask(title, "execute_cwl_insights_batch", query, answers.batch_rows)

    async def _ask(self, title: str, tool: str, arguments: dict[str, Any], show: Show) -> dict[str, Any]:
        """The data of an answer that is printed; nothing when it was refused."""
        result = await self._call(title, tool, arguments)
        if result is None:
            return {}
        data = answers.read_answer(result).data
        self._write(answers.section(f"{title} ({tool})", show(data)))
        return data

    async def _call(self, title: str, tool: str, arguments: dict[str, Any]) -> CallToolResult | None:
        """The result of a tool; None when it was refused, which is printed."""
        result = await self._client.call_tool(tool, arguments)
        refusal = answers.read_answer(result).refusal
        if not refusal:
            return result
        self.refused = True
        self._write(answers.section(f"{title} ({tool})", f"REFUSED: {refusal}"))
        return None

    def _leave_out(self, title: str, missing: str) -> None:
        self._write(answers.section(title, f"left out: it takes {missing}"))


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
