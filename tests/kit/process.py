"""A service as a child process: only the given environment, its log in a file, ready before the test goes on.

async with child("auth_service", env=settings, log_file=tmp_path / "auth.log", ready=listening(port)) as auth:
    ...
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_POLL_S: Final = 0.02
_STOP_S: Final = 10.0
_TAIL_LINES: Final = 40


class ChildFailed(AssertionError):
    """The child ended or was not ready in time. The message ends with the tail of its log."""


class Child:
    """A running child process."""

    def __init__(self, module: str, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self.module = module
        self.log_file = log_file
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.returncode

    def log(self) -> str:
        """Everything that it wrote to stdout and stderr so far."""
        return self.log_file.read_text(errors="replace")

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The end of its log."""
        return "\n".join(self.log().splitlines()[-lines:])

    def first_json(self) -> dict[str, Any] | None:
        """The first line of the log that is a whole JSON object, None before it is there."""
        for line in self.log().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                try:
                    return cast("dict[str, Any]", json.loads(line))
                except ValueError:
                    continue
        return None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        if self.exit_code is None:
            self._process.send_signal(number)

    async def wait(self, timeout_s: float = _STOP_S) -> int:
        """Wait for its end and return the exit code. Raises ChildFailed when it goes on."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._process.wait()
        except TimeoutError as error:
            raise self.failed(f"still runs after {timeout_s} s") from error

    async def stop(self, timeout_s: float = _STOP_S) -> int:
        """Ask it to end, kill it if it does not, and return the exit code."""
        self.send(signal.SIGTERM)
        try:
            return await self.wait(timeout_s)
        except ChildFailed:
            await self.kill()
            raise

    async def kill(self) -> int:
        """End it at once."""
        self.send(signal.SIGKILL)
        return await self._process.wait()

    async def until(self, condition: "Condition", timeout_s: float = 10.0) -> None:
        """Wait until the condition holds. Raises ChildFailed when the child ends before, or time runs out."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not await condition(self):
            if self.exit_code is not None:
                raise self.failed(f"ended with {self.exit_code} before it was ready")
            if asyncio.get_running_loop().time() > deadline_s:
                raise self.failed(f"was not ready within {timeout_s} s")
            await asyncio.sleep(_POLL_S)

    def failed(self, what: str) -> ChildFailed:
        """An error that shows the end of the log."""
        return ChildFailed(f"{self.module} (pid {self.pid}) {what}; its log ends:\n{self.tail()}")


Condition = Callable[[Child], Awaitable[bool]]


def listening(port: int, host: str = "127.0.0.1") -> Condition:
    """Holds once somebody accepts connections on the port."""

    async def condition(_child: Child) -> bool:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    return condition


def logged(text: str) -> Condition:
    """Holds once the log contains the text."""

    async def condition(child: Child) -> bool:
        return text in child.log()

    return condition


async def json_line(child: Child) -> bool:
    """Holds once the log has a line of JSON; read it with `first_json`."""
    return child.first_json() is not None


async def started(_child: Child) -> bool:
    """Holds at once."""
    return True


@asynccontextmanager
async def child(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    log_file: Path,
    ready: Condition = started,
    timeout_s: float = 10.0,
    interpreter: Sequence[str] = (sys.executable,),
) -> AsyncIterator[Child]:
    """`python -m module` from the repository's root; ends with the block, by signal when it still runs."""
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *interpreter,
            "-m",
            module,
            *arguments,
            env=dict(env),
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
        )
    finally:
        os.close(descriptor)
    running = Child(module, process, log_file)
    try:
        await running.until(ready, timeout_s)
        yield running
    except BaseException:
        await running.kill()
        raise
    else:
        await running.stop()
