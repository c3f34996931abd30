"""`python -m tests.benchmarks [NAME …]`: measures what is named, or everything, and prints the figures."""

import argparse
import asyncio
import os
import platform

from tests.benchmarks import analysis, charts, fairness, flood, latency, neighbour, setting, startup, users

_MEASUREMENTS = {
    "analysis": analysis.measure,
    "charts": charts.measure,
    "fairness": fairness.measure,
    "flood": flood.measure,
    "latency": latency.measure,
    "neighbour": neighbour.measure,
    "startup": startup.measure,
    "users": users.measure,
}


async def main(names: list[str]) -> None:
    """Run the named measurements in one setting."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs")
    async with setting.running() as running:
        for name in names:
            for line in await _MEASUREMENTS[name](running):
                print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(_MEASUREMENTS)}; all by default")
    chosen = parser.parse_args().names or list(_MEASUREMENTS)
    asyncio.run(main(chosen))
