"""Compares the two servers and writes docs/compatibility.md: `python -m tests.interop`.

Says what differs undeclared, or is declared and does not differ any more; then it writes nothing and ends with 1.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.interop import peer
from tests.interop.cases import BY_WAIT, CASES
from tests.interop.document import DOCUMENT, render
from tests.interop.side_by_side import side_by_side
from tests.interop.verdicts import complaints


async def _compare(directory: Path) -> int:
    async with side_by_side(directory) as both:
        wrong = [line for case in BY_WAIT for line in complaints(case, await both.differences(case))]
    print("\n".join(wrong) or f"{len(CASES)} cases are as declared")
    if not wrong:
        DOCUMENT.write_text(render())
    return len(wrong) > 0


def main() -> int:
    """Run the comparison; the exit code."""
    if not peer.is_installed():
        print(peer.HOW_TO_INSTALL)
        return 1
    with (
        tempfile.TemporaryDirectory() as directory,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_compare(Path(directory)))


if __name__ == "__main__":
    sys.exit(main())
