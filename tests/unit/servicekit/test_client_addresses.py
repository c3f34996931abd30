"""Whose an address is."""

import pytest

from servicekit.client_addresses import source_of


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_an_address_stands_for_whoever_has_it(address: str, source: str) -> None:
    assert source_of(address) == source
