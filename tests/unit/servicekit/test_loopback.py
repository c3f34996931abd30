"""Which hosts only this machine can reach."""

import pytest

from servicekit.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machines_own(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.5", "localhost.example.com", "127.0.0.1.example.com"])  # noqa: S104
def test_everything_else(host: str) -> None:
    assert not is_loopback(host)
