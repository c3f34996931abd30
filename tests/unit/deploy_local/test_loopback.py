import pytest

from deploy.local.loopback import NotLoopbackError, free_ports, is_free, listening_socket, require_loopback
from servicekit.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    require_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])  # noqa: S104
def test_everything_else_is_refused(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="development"):
        require_loopback(host)


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports(5))) == 5


def test_a_bound_port_is_not_free() -> None:
    with listening_socket() as bound:
        bound.listen()
        port = bound.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(OSError):
            listening_socket(port)
