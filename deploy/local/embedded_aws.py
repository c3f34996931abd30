"""An emulated AWS with enforced IAM (MiniStack), in a virtual environment of its own, on the loopback interface.

Its requirements are locked with hashes. It keeps everything in memory: each start is a fresh AWS. It answers whoever
can reach it on this machine, and a twelve-digit access key id with a known secret is the root of that account.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess  # pip, in an environment of its own  # nosec B404
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local import processes
from deploy.local.loopback import HOST, free_ports, wait_until_answering
from deploy.local.processes import ChildProcess
from deploy.local.state_directory import REPOSITORY

VIRTUAL_ENVIRONMENT: Final = REPOSITORY / ".cache" / "ministack-venv"
REQUIREMENTS: Final = Path(__file__).with_name("ministack.requirements.lock")
STOP_GRACE_S: Final = 5.0
_MARKER: Final = "requirements.sha256"
_START_TIMEOUT_S: Final = 30.0
_SERVICES: Final = "sts,iam,cloudwatch,logs,monitoring"


class InstallationError(Exception):
    """The emulator could not be installed; the message has the installer's last words."""


@dataclass(frozen=True, slots=True)
class EmbeddedAws:
    """A started emulator."""

    child: ChildProcess
    endpoint_url: str

    async def wait_until_ready(self) -> None:
        """Raises ChildEndedError when it ends, TimeoutError when it never answers."""
        answering = wait_until_answering(f"{self.endpoint_url}/_ministack/health", _START_TIMEOUT_S)
        await processes.while_running([self.child], answering)


def is_installed(directory: Path = VIRTUAL_ENVIRONMENT) -> bool:
    """Whether the virtual environment holds exactly what the lock file asks for."""
    marker = directory / _MARKER
    return marker.is_file() and marker.read_text() == _wanted()


async def install(log_file: Path, directory: Path = VIRTUAL_ENVIRONMENT) -> Path:
    """The Python of the emulator's virtual environment, which is built when it is absent or out of date.

    Raises InstallationError.
    """
    return await asyncio.to_thread(_install, log_file, directory)


async def start(python: Path, log_file: Path) -> EmbeddedAws:
    """Start the emulator on a free port; it may not answer yet. Raises OSError."""
    (port,) = free_ports(1)
    child = await processes.start(
        "embedded-aws", [python, "-m", "ministack"], environment(port, log_file.parent), log_file, log_file.parent
    )
    return EmbeddedAws(child, f"http://{HOST}:{port}")


def environment(port: int, home: Path) -> dict[str, str]:
    """All that the emulator gets to see. The caller's AWS variables would change who its root is."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "BIND_HOST": HOST,  # its default is every interface
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "SERVICES": _SERVICES,
        # It would open these servers beside the one we want, and look for its own containers when it ends.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
    }


def _install(log_file: Path, directory: Path) -> Path:
    python = directory / "bin" / "python"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may be started at once on a fresh machine
        if is_installed(directory):
            return python
        shutil.rmtree(directory, ignore_errors=True)
        log_file.unlink(missing_ok=True)
        _run([sys.executable, "-m", "venv", str(directory)], log_file)
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS)], log_file)
        (directory / _MARKER).write_text(_wanted())
    return python


def _wanted() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _run(command: list[str], log_file: Path) -> None:
    with log_file.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - pip with arguments of our own
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise InstallationError(
            f"the embedded AWS could not be installed. The end of {log_file}:\n{processes.tail(log_file)}"
        )
