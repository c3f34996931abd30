"""Whose an address is, for counting what comes from it. Pure; whether an address is true is not known here."""

import ipaddress
from typing import Final

_IPV6_NETWORK_BITS: Final = 64  # what one subscriber has to itself at least (RFC 6177)


def source_of(client_address: str) -> str:
    """The address, or the network of an IPv6 address: who has one has billions. What is no address stays as it is."""
    try:
        address = ipaddress.ip_address(client_address)
    except ValueError:
        return client_address
    if address.version == 4:
        return client_address
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
