"""`python -m tests.interleavings [--count N] [--seed N]`: runs many, and prints what happened in them."""

import argparse
import gc
import logging
import os
import platform
import time

from tests.interleavings.runs import run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many at least (100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round takes the next (1)")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # an endpoint or region of the person who runs this
    logging.disable(logging.CRITICAL)  # refusals and outages are what these interleavings are made of
    gc.freeze()  # what was imported is not looked through again and again
    gc.set_threshold(100_000, 20, 100)
    print(f"{platform.python_implementation()} {platform.python_version()}, seed {options.seed}", flush=True)
    began_s, cpu_s = time.monotonic(), time.process_time()
    for tally in run(options.count, options.seed):
        print(f"{tally.interleavings:,} after {time.monotonic() - began_s:.0f} s", flush=True)
    print("\n".join(tally.lines()))
    print(f"{time.monotonic() - began_s:.0f} s, of which {time.process_time() - cpu_s:.0f} s CPU")
