import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.processes import ChildEndedError, ChildProcess

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


async def start(tmp_path: Path, code: str, **environment: str) -> ChildProcess:
    return await processes.start("child", [sys.executable, "-c", code], environment, tmp_path / "child.log", tmp_path)


async def until_up(child: ChildProcess) -> None:
    async with asyncio.timeout(10):
        while "up" not in child.tail():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.01)


async def test_a_child_sees_only_the_given_environment(tmp_path: Path) -> None:
    child = await start(tmp_path, "import os; print(sorted(os.environ))", GIVEN="yes")
    assert await child.process.wait() == 0
    assert "GIVEN" in child.tail()
    assert "PATH" not in child.tail()


async def test_it_leads_its_own_session_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    child = await start(tmp_path, "import signal; signal.pause()")
    assert os.getsid(child.pid) == child.pid
    assert await child.stop(5)
    assert child.returncode == -signal.SIGTERM


async def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = await start(tmp_path, STUBBORN)
    await until_up(child)
    assert not await child.stop(0.05)
    assert child.returncode == -signal.SIGKILL
    assert await child.stop(0.05)


async def test_work_is_given_back_while_children_run(tmp_path: Path) -> None:
    child = await start(tmp_path, "import signal; signal.pause()")
    assert await processes.while_running([child], asyncio.sleep(0, "done")) == "done"
    await child.stop(5)


async def test_an_ending_child_cancels_the_work_and_is_named_with_its_last_words(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    child = await start(tmp_path, "print('out of luck'); raise SystemExit(3)")
    with pytest.raises(ChildEndedError, match=r"(?s)child ended with exit code 3.*out of luck") as caught:
        await processes.while_running([child], work())
    assert caught.value.child is child
    assert cancelled.is_set()


def test_the_tail_of_nothing_is_nothing(tmp_path: Path) -> None:
    assert processes.tail(tmp_path / "absent.log") == ""


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("\n".join(str(number) for number in range(10_000)))
    assert processes.tail(log, 2) == "9998\n9999"
