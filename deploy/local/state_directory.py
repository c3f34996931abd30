"""The folder in which a running stack keeps its files, and stack.json, by which other programs find the stack.

stack.json exists only while a stack runs. It holds addresses and paths, never a secret.
"""

import fcntl
import json
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DEFAULT_STATE_DIRECTORY: Final = REPOSITORY / ".local"


class StackNotRunningError(Exception):
    """No stack is running from this folder."""


class StackAlreadyRunningError(Exception):
    """Another stack is running from this folder."""


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """One stack's folder."""

    root: Path

    @property
    def stack_file(self) -> Path:
        """Where a running stack describes itself."""
        return self.root / "stack.json"

    @property
    def certificates(self) -> Path:
        """Where the peers' certificates are."""
        return self.root / "certs"

    @property
    def policy_file(self) -> Path:
        """The auth service's policy."""
        return self.root / "policy.yaml"

    @property
    def aws_credentials_file(self) -> Path:
        """The auth service's AWS identity in AWS's own file format; written only when no service is started."""
        return self.root / "aws-credentials"

    @property
    def connections_file(self) -> Path:
        """Where the auth service stores what people connected; begun anew by each start, as the portal is."""
        return self.root / "connections.db"

    @property
    def connections_keys(self) -> Path:
        """The keys that encrypt it."""
        return self.root / "connections-keys"

    @property
    def logs(self) -> Path:
        """Where children's output is kept; each start begins the files anew."""
        return self.root / "logs"

    @property
    def pictures(self) -> Path:
        """Where `make ask` puts the charts that it was given."""
        return self.root / "pictures"

    def log_file(self, name: str) -> Path:
        """Where a child process's output goes."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Create the folder, readable by its owner only. Raises OSError."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def begin_connections(self) -> None:
        """Forget the connections of earlier portals, which are gone, and make a key. Raises OSError."""
        for suffix in ("", "-wal", "-shm"):
            self.connections_file.with_name(self.connections_file.name + suffix).unlink(missing_ok=True)
        self.connections_keys.mkdir(mode=0o700, exist_ok=True)
        write_private(self.connections_keys / "1.key", b64encode(secrets.token_bytes(32)).decode())

    def lock(self) -> IO[str]:
        """Keep other stacks out of this folder until the returned file is closed or the process ends.

        Raises StackAlreadyRunningError.
        """
        file = (self.root / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise StackAlreadyRunningError(
                f"a stack is already running from {self.root}; stop it with Ctrl-C where it was started"
            ) from None
        return file

    def write_stack(self, description: dict[str, Any]) -> None:
        """Describe the running stack; a reader sees the whole description or none."""
        write_private(self.stack_file, json.dumps(description, indent=2) + "\n")

    def read_stack(self) -> dict[str, Any]:
        """The running stack's description. Raises StackNotRunningError."""
        try:
            description = json.loads(self.stack_file.read_text())
        except FileNotFoundError:
            raise StackNotRunningError("the development stack is not running; start it with: make run") from None
        except ValueError:
            raise StackNotRunningError(f"{self.stack_file} is damaged; restart the stack with: make run") from None
        if not isinstance(description, dict):
            raise StackNotRunningError(f"{self.stack_file} is damaged; restart the stack with: make run")
        return description

    def forget_stack(self) -> None:
        """Remove what must not outlive the run."""
        self.stack_file.unlink(missing_ok=True)
        self.aws_credentials_file.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file whole, readable by its owner only."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
