"""Ports on the loopback interface, and waiting for a server on one to answer. Never binds another interface."""

import asyncio
import socket
from typing import Final

import httpx2

from servicekit.loopback import is_loopback

HOST: Final = "127.0.0.1"
_POLL_S: Final = 0.05


class NotLoopbackError(ValueError):
    """An address of another interface was asked for; the development stack listens on the loopback one only."""


def require_loopback(host: str) -> None:
    """Raises NotLoopbackError unless the host is `localhost` or a loopback address."""
    if not is_loopback(host):
        raise NotLoopbackError(
            f"{host} is not a loopback address. This server is for development: it lets everybody sign in as anybody, "
            f"so it listens on {HOST} only."
        )


def listening_socket(port: int = 0) -> socket.socket:
    """A bound TCP socket on the loopback interface; port 0 takes a free one. Raises OSError when it is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


def free_ports(count: int) -> list[int]:
    """Distinct ports that are free now; another process may still take one before it is used."""
    sockets = [listening_socket() for _ in range(count)]
    ports = [int(bound.getsockname()[1]) for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def is_free(port: int) -> bool:
    """Whether the port can be bound now."""
    try:
        listening_socket(port).close()
    except OSError:
        return False
    return True


def http_client(timeout_s: float = 30.0, auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
    """An HTTP client for servers on this machine: it never goes through a proxy named by the environment."""
    return httpx2.AsyncClient(trust_env=False, timeout=timeout_s, auth=auth)


async def wait_until_answering(url: str, timeout_s: float) -> None:
    """Return once a GET of the URL is answered with 200. Raises TimeoutError with the last answer."""
    last = "no answer"
    try:
        async with asyncio.timeout(timeout_s), http_client(timeout_s=5.0) as client:
            while True:
                try:
                    answer = await client.get(url)
                except httpx2.TransportError as error:
                    last = type(error).__name__
                else:
                    if answer.status_code == httpx2.codes.OK:
                        return
                    last = f"{answer.status_code} {answer.text[:200]}"
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise TimeoutError(f"{url} did not answer with 200 within {timeout_s:.0f} s (last: {last})") from None
