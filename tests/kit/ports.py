"""Loopback ports that nobody listens on."""

import socket


def free_port() -> int:
    """One free port. Somebody else may take it meanwhile: prefer port 0 where the server can tell its port."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
