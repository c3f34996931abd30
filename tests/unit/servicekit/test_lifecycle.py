"""Start, stop and exit codes, of real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kit.process import REPOSITORY
from tests.kit.tls import CertificateAuthority

SERVICE = """
import asyncio
import sys
import threading
from contextlib import asynccontextmanager
from pydantic_settings import SettingsConfigDict
from servicekit.lifecycle import ConfigurationError, main
from servicekit.settings import ServiceSettings, load

class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")
    fails: str = ""

def check(settings):
    settings.tls.read()
    if settings.fails == "check":
        raise ConfigurationError("the policy is wrong")

@asynccontextmanager
async def open_service(settings):
    match settings.fails:
        case "configuration": raise ConfigurationError("the issuer is wrong")
        case "port": raise OSError("cannot listen")
        case "defect": raise RuntimeError("a defect")
        case "threads": print(await asyncio.to_thread(lambda: threading.current_thread().name), flush=True)
    print("open", flush=True)
    yield
    print("closing", flush=True)
    if settings.fails == "closing":
        raise RuntimeError("cannot close")

sys.exit(main("toy", lambda: load(Settings), open_service, check, sys.argv[2:]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    authority = CertificateAuthority(tmp_path)
    issued = authority.issue("toy")
    return {
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'protos/gen'}",
        "TOY_TLS_CERT_FILE": str(issued.cert_file),
        "TOY_TLS_KEY_FILE": str(issued.key_file),
        "TOY_TLS_CA_FILE": str(authority.ca_file),
        "TOY_GRACE_PERIOD_S": "0",
    }


def begin(environment: Mapping[str, str], *arguments: str, **changes: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", SERVICE, "--", *arguments],
        env={**environment, **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(environment: Mapping[str, str], *arguments: str, **changes: str) -> tuple[int, str, str]:
    with begin(environment, *arguments, **changes) as process:
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_requested_stop_closes_everything_and_is_no_failure(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with begin(environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "closing\n")
    assert '"message": "toy stopped"' in err


def test_threads_are_given_to_users_in_turn(environment: dict[str, str]) -> None:
    with begin(environment, TOY_FAILS="threads") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "work_0\n"  # as FairThreads names them
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"TOY_FAILS": "check"}, 2, "the policy is wrong"),
        ({"TOY_FAILS": "configuration"}, 2, "the issuer is wrong"),
        ({"TOY_FAILS": "port"}, 1, "cannot listen"),
        ({"TOY_FAILS": "defect"}, 1, "a defect"),
        ({"TOY_TYPO": "x"}, 2, "TOY_TYPO: no such setting"),
        ({"TOY_TLS_KEY_FILE": "nowhere.pem"}, 2, "cannot read nowhere.pem"),
    ],
)
def test_a_failed_start_has_its_exit_code(
    environment: dict[str, str], changes: dict[str, str], code: int, text: str
) -> None:
    got, out, err = run(environment, **changes)
    assert (got, out) == (code, "")
    assert text in err


def test_a_failed_stop_is_a_failure(environment: dict[str, str]) -> None:
    with begin(environment, TOY_FAILS="closing") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "toy failed while stopping" in err


def test_check_config_starts_nothing(environment: dict[str, str]) -> None:
    assert run(environment, "--check-config") == (0, "", "toy: the configuration is good\n")
    code, out, err = run(environment, "--check-config", TOY_FAILS="check")
    assert (code, out) == (2, "")
    assert err == "toy: the configuration is wrong\nthe policy is wrong\n"


def test_a_second_signal_does_not_break_the_stop(environment: dict[str, str]) -> None:
    with begin(environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(3):
            os.kill(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "closing\n")
