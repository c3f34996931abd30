"""Work in other processes: done there, lost by nobody, ended with the service."""

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from servicekit.worker_processes import WorkerBroken, WorkerProcesses
from tests.kit.waiting import until

_SERVICE = """
import asyncio
import os
from servicekit.worker_processes import WorkerProcesses

async def main():
    print(await WorkerProcesses(1).run(os.getpid), flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def _fail(text: str) -> None:
    raise ValueError(text)


def _write_when_it_may(fifo: str, result: str) -> None:
    Path(fifo).read_bytes()
    Path(result).write_text("done")


async def test_work_is_done_elsewhere_by_the_same_process() -> None:
    workers = WorkerProcesses(1)
    first, second = await workers.run(os.getpid), await workers.run(os.getpid)
    assert first == second != os.getpid()
    await workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_what_the_work_raises_is_raised() -> None:
    workers = WorkerProcesses(1)
    with pytest.raises(ValueError, match="so"):
        await workers.run(_fail, "so")
    await workers.close()


async def test_a_worker_that_breaks_down_is_replaced() -> None:
    workers = WorkerProcesses(1)
    with pytest.raises(WorkerBroken, match="_exit"):
        await workers.run(os._exit, 3)
    assert await workers.run(os.getpid) != os.getpid()
    await workers.close()


@pytest.mark.parametrize(
    "what", ["multiprocessing.synchronize.SemLock.__init__", "multiprocessing.process.BaseProcess.start"]
)
async def test_a_worker_that_cannot_be_started_is_a_broken_one(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "nothing left")

    workers = WorkerProcesses(1)
    with monkeypatch.context() as patch:
        patch.setattr(what, refuse)
        with pytest.raises(WorkerBroken, match="nothing left"):
            await workers.run(os.getpid)
    assert await workers.run(os.getpid) != os.getpid()
    await workers.close()


async def test_a_call_given_up_disturbs_nobody(tmp_path: Path) -> None:
    fifo, result = tmp_path / "fifo", tmp_path / "result"
    os.mkfifo(fifo)
    workers = WorkerProcesses(1)
    given_up = asyncio.create_task(workers.run(_write_when_it_may, str(fifo), str(result)))
    writer = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)  # returns when the worker reads
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    following = asyncio.create_task(workers.run(os.getpid))
    os.close(writer)
    assert await following != os.getpid()
    assert result.read_text() == "done"
    await workers.close()


async def test_a_terminals_interrupt_is_not_for_workers() -> None:
    workers = WorkerProcesses(1)
    worker = await workers.run(os.getpid)
    os.kill(worker, signal.SIGINT)
    assert await workers.run(os.getpid) == worker
    await workers.close()


async def test_closing_what_never_worked_does_nothing() -> None:
    await WorkerProcesses(1).close()


async def test_a_worker_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(_SERVICE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    service = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert service.stdout is not None
    worker = int(await service.stdout.readline())
    service.kill()
    await service.wait()
    await until(lambda: _is_gone(worker))


def _is_gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
