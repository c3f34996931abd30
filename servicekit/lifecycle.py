"""From settings to a process that starts in order, stops in the reverse order, and says how it went by its exit code.

Exit codes: 0 after a requested stop, 1 after a failure, 2 for wrong configuration.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

import uvloop

from servicekit import logs
from servicekit.fair_threads import FairThreads
from servicekit.settings import ServiceSettings, SettingsError
from servicekit.tls import CertificateError

_log = logging.getLogger(__name__)
S = TypeVar("S", bound=ServiceSettings)
# Beyond the servers' own grace period: for stopping queries at a slow AWS, closing clients, exporting the last spans.
_CLOSING_S: Final = 45.0
# gRPC polls, and large answers are parsed, in threads; by Python's default the event loop waits 5 ms for each of them.
_THREAD_SWITCH_S: Final = 0.001

STOPPED, FAILED, MISCONFIGURED = 0, 1, 2


class ConfigurationError(Exception):
    """Something that the operator wrote is wrong; the message names it."""


def check_all(readings: Iterable[Callable[[], object]]) -> None:
    """Read all that the settings point to. Raises ConfigurationError naming every fault."""
    faults = []
    for read in readings:
        try:
            read()
        except (ConfigurationError, CertificateError) as error:
            faults.append(str(error))
    if faults:
        raise ConfigurationError("\n".join(faults))


def main(
    name: str,
    load: Callable[[], S],
    open_service: Callable[[S], AbstractAsyncContextManager[None]],
    check: Callable[[S], None],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run the service until SIGTERM or SIGINT; returns the exit code.

    `open_service` is the composition root: entering it starts everything, leaving it stops everything. `check` reads
    what the settings point to and raises ConfigurationError; with --check-config nothing else happens.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description="Configured by environment variables.")
    parser.add_argument("--check-config", action="store_true", help="validate the configuration and exit")
    only_check = parser.parse_args(arguments).check_config
    try:
        settings = load()
        logs.set_up(settings.log_level)
        check(settings)
    except (SettingsError, ConfigurationError, CertificateError) as error:
        sys.stderr.write(f"{name}: the configuration is wrong\n{error}\n")
        return MISCONFIGURED
    if only_check:
        sys.stderr.write(f"{name}: the configuration is good\n")
        return STOPPED
    sys.setswitchinterval(_THREAD_SWITCH_S)
    return uvloop.run(_run(name, settings, open_service))


async def _run(name: str, settings: S, open_service: Callable[[S], AbstractAsyncContextManager[None]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(FairThreads())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = open_service(settings)
    try:
        await service.__aenter__()
    except (ConfigurationError, CertificateError, OSError) as error:
        _log.critical("%s cannot start: %s", name, error)
        return MISCONFIGURED if isinstance(error, ConfigurationError | CertificateError) else FAILED
    _log.info("%s is up", name)
    await stop.wait()
    _log.info("%s is stopping", name)
    bound_s = settings.grace_period_s + _CLOSING_S
    try:
        async with asyncio.timeout(bound_s):
            await service.__aexit__(None, None, None)
    except TimeoutError:
        _log.critical("%s did not stop within %.0f s", name, bound_s)
        return FAILED
    except Exception:
        _log.exception("%s failed while stopping", name)
        return FAILED
    _log.info("%s stopped", name)
    return STOPPED
