"""Where connections are stored, as an operator writes it. Pure: settings know it, and open nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from servicekit.loopback import is_loopback

_PARAMETERS: Final = frozenset({"host", "sslmode"})
_SSL_MODES: Final = frozenset({"disable", "verify-full"})
_FORMS: Final = "must be sqlite:////directory/file or postgresql://user@host[:port]/database"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A database. Holds no secret: the password stays in its file, read anew for each connection."""

    url: str
    """sqlite:////absolute/path, or postgresql:// with user, host, port and database; never a password."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """The authority of PostgreSQL's certificate (PEM); the system's authorities when unset."""

    @property
    def sqlite_file(self) -> Path | None:
        """The file, or None where the database is a server."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path[1:])) if parts.scheme == "sqlite" else None

    @property
    def uses_tls(self) -> bool:
        """Whether the server must show a certificate: always, unless only this machine is between or `sslmode` says no.

        libpq's `sslmode` (PostgreSQL, 34.1.2) has weaker ways between these two; they are refused.
        """
        parts = urlsplit(self.url)
        mode = parse_qs(parts.query).get("sslmode", [""])[0]
        return mode == "verify-full" if mode else not (self.socket_directory or is_loopback(parts.hostname or ""))

    @property
    def socket_directory(self) -> str:
        """The directory of the server's Unix socket (`?host=/run/postgresql`), or empty."""
        return parse_qs(urlsplit(self.url).query).get("host", [""])[0]


def url_fault(url: str) -> str | None:
    """What is wrong with an address, None when it is good. Never repeats it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return "not an address"
    if parts.password is not None or "password" in query:
        return "must not hold a password; put it into the file of AUTH_CONNECTIONS_PASSWORD_FILE"
    if parts.scheme == "sqlite":
        is_good = parts.path.startswith("//") and len(parts.path) > len("//") and not (parts.netloc or query)
        return None if is_good else "must be sqlite:////directory/file, an absolute path after three slashes"
    if parts.scheme != "postgresql" or parts.fragment or port == 0:
        return _FORMS
    return _server_fault(parts, query)


def _server_fault(parts: SplitResult, query: dict[str, list[str]]) -> str | None:
    unknown = sorted(query.keys() - _PARAMETERS)
    if unknown:
        return f"has parameters beyond {', '.join(sorted(_PARAMETERS))}"
    if query.get("sslmode", ["disable"])[0] not in _SSL_MODES:
        return f"sslmode must be {' or '.join(sorted(_SSL_MODES))}"
    sockets = query.get("host", ["/"])[0]
    if not sockets.startswith("/"):
        return "the parameter host is for the directory of a Unix socket"
    has_place = bool(parts.hostname) != ("host" in query)
    return None if has_place and parts.username and parts.path.strip("/") else _FORMS
