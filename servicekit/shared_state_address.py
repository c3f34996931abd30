"""Where the state that replicas share is, as an operator writes it. Pure: settings know it, and connect to nothing."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class SharedStateAddress:
    """Where the shared state is. Holds no secret: the password stays in its file, read anew for each connection."""

    url: str
    """redis:// or rediss:// with host, port, database and, where needed, a user name; never a password."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """The authority of the server's certificate (PEM), for rediss://; the system's authorities when unset."""
    key_prefix: str = "cwmcp:"
    """Begins the name of every key and channel, so that several deployments can share a server."""


def url_fault(url: str) -> str | None:
    """What is wrong with an address, None when it is good. Never repeats it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port, database = parts.port, parts.path.removeprefix("/")
    except ValueError:
        return "not an address"
    if parts.scheme not in ("redis", "rediss"):
        return "must begin with redis:// or rediss://"
    if parts.password is not None:
        return "must not hold a password; put it into the file of SHARED_STATE_PASSWORD_FILE"
    if not parts.hostname or port == 0 or parts.query or parts.fragment or (database and not database.isdecimal()):
        return "must be redis://[user@]host[:port][/database]"
    return None
