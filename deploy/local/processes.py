"""Child processes whose output goes to a log file: started, watched, and stopped by their own process id.

Never finds or ends a process by name, and never hands a child more environment than its caller names.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
_TAIL_BYTES: Final = 16 * 1024


class ChildEndedError(Exception):
    """A child process ended though nobody asked it to; the message says which, how, and its last words."""

    def __init__(self, child: "ChildProcess") -> None:
        self.child = child
        super().__init__(
            f"{child.name} {_how_it_ended(child.returncode)}. The end of {child.log_file}:\n{child.tail()}"
        )


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A running child."""

    name: str
    log_file: Path
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.process.returncode

    def tail(self, lines: int = 20) -> str:
        """The last lines of its output."""
        return tail(self.log_file, lines)

    async def stop(self, grace_s: float) -> bool:
        """Ask it to end with SIGTERM, and kill it when it has not within the grace period; returns whether it did."""
        if self.returncode is not None:
            return True
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await self.process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
            return False
        return True


async def start(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], log_file: Path, directory: Path
) -> ChildProcess:
    """Start a child with exactly this environment; its output replaces the log file. Raises OSError.

    It gets a session of its own: a Ctrl-C in the terminal reaches only the launcher, which stops children in order.
    """
    output = await asyncio.to_thread(log_file.open, "wb")
    with output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
    return ChildProcess(name, log_file, process)


async def while_running(children: Iterable[ChildProcess], work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises ChildEndedError, and cancels the work, when one of the children ends first."""
    task = asyncio.ensure_future(work)
    endings = {asyncio.ensure_future(child.process.wait()): child for child in children}
    try:
        await asyncio.wait({task, *endings}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ChildEndedError(next(child for ending, child in endings.items() if ending.done()))
        return task.result()
    finally:
        unfinished = [waiting for waiting in (task, *endings) if not waiting.done()]
        for waiting in unfinished:
            waiting.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)


def tail(log_file: Path, lines: int = 20) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with log_file.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _how_it_ended(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"was ended by signal {-returncode}"
    return f"ended with exit code {returncode}"
