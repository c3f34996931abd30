"""`python -m tests.benchmarks.crowd FILE`: many requests at a time from a process of its own, until SIGTERM.

FILE is JSON: `url`, `tokens` (used one after the other, again and again), `message` (JSON-RPC), `at_a_time`, and
`most`, after which it pauses. It prints a line when it begins, and at the end what it was answered.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp


async def main(wanted: dict[str, Any]) -> None:
    """Ask until told to stop."""
    answered: Counter[str] = Counter()
    tokens = cycle(wanted["tokens"])
    body = json.dumps(wanted["message"]).encode()
    left = iter(range(wanted["most"]))

    async def ask(http: aiohttp.ClientSession) -> None:
        for _ in left:
            headers = {
                "Authorization": f"Bearer {next(tokens)}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            }
            async with http.post(wanted["url"], data=body, headers=headers) as response:
                text = await response.text()
                answered[f"{response.status} as a failure" if '"isError":true' in text else str(response.status)] += 1

    connector = aiohttp.TCPConnector(limit=wanted["at_a_time"])
    async with aiohttp.ClientSession(connector=connector) as http:
        asking = [asyncio.create_task(ask(http)) for _ in range(wanted["at_a_time"])]
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        print(json.dumps({"begun": True}), flush=True)
        await stop.wait()
        for task in asking:
            task.cancel()
        ended = await asyncio.gather(*asking, return_exceptions=True)
        answered.update(type(end).__name__ for end in ended if isinstance(end, Exception))
    print(json.dumps({"answered": answered}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
