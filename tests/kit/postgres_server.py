"""A real PostgreSQL for tests: a cluster of its own in a temporary directory, on a free loopback port and a socket.

PostgreSQL refuses to run as root: there, it runs as the user that Debian's package makes for it.
"""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.ports import free_port
from tests.kit.tls import CertificateAuthority

HOW_TO_INSTALL: Final = "PostgreSQL is not installed (apt install postgresql); what needs it did not run"
PASSWORD: Final = "correct-horse"
_SYSTEM_USER: Final = "postgres"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_TIMEOUT_S: Final = 25.0
_OPTIONS: Final = {"fsync": "off", "full_page_writes": "off", "max_connections": "60", "log_min_messages": "error"}


class PostgresServer:
    """One cluster with one user, `cwmcp`. Over the socket it asks for no password, over TCP it does."""

    user: Final = "cwmcp"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._data = directory / "data"

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return (self._data / "postmaster.pid").exists()

    def url(self, database: str) -> str:
        """The address by the socket, as an operator writes it."""
        return f"postgresql://{self.user}@:{self.port}/{database}?host={self.directory}"

    def tcp_url(self, database: str, host: str = "127.0.0.1") -> str:
        """The address over TCP."""
        return f"postgresql://{self.user}@{host}:{self.port}/{database}"

    def create(self, password_file: Path, authority: CertificateAuthority) -> None:
        """Make the cluster, which shows a certificate for localhost to whoever asks for TLS."""
        self._run("initdb", "-D", self._data, "-U", self.user, "-A", "scram-sha-256", "--pwfile", password_file, "-N")
        (self._data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        issued = authority.issue("localhost")
        for name, source in (("server.crt", issued.cert_file), ("server.key", issued.key_file)):
            shutil.copyfile(source, self._data / name)
            (self._data / name).chmod(0o600)
            _hand_over(self._data / name)

    def go_up(self) -> None:
        """Start it, and return once it accepts connections."""
        options = _OPTIONS | {"listen_addresses": "127.0.0.1", "port": self.port, "ssl": "on"}
        options |= {"unix_socket_directories": self.directory}
        arguments = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.directory / "log", "-o", arguments, "start")

    def kill(self) -> None:
        """End it at once."""
        if self.is_up:
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Make an empty database; returns its name."""
        name = f"test_{uuid.uuid4().hex}"
        self._run("createdb", "-h", self.directory, "-p", self.port, "-U", self.user, name)
        return name

    def _run(self, program: str, *arguments: Any) -> None:
        command = [_program(program), *map(str, arguments)]
        log = self.directory / "commands.log"
        with log.open("ab") as output:
            done = subprocess.run(  # noqa: S603 - programs of the installation, arguments of our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                timeout=_TIMEOUT_S,
                user=_user(),
                check=False,
            )
        assert done.returncode == 0, log.read_text()


def is_installed() -> bool:
    """Whether this machine has a server to start."""
    return bool(_program("initdb"))


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server while open, with the files `password` and that of its authority beside it."""
    directory = Path(tempfile.mkdtemp(prefix="cwmcp-postgres-"))
    server = PostgresServer(directory)
    try:
        (directory / "password").write_text(PASSWORD)
        authority = CertificateAuthority(directory)
        for path in (directory, directory / "password"):
            _hand_over(path)
        server.create(directory / "password", authority)
        server.go_up()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


def _user() -> str | None:
    return _SYSTEM_USER if os.getuid() == 0 else None


def _hand_over(path: Path) -> None:
    if _user():
        shutil.chown(path, _SYSTEM_USER)


def _program(name: str) -> str:
    newest: Sequence[Path] = sorted(_DEBIAN.glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, newest)])) or ""
