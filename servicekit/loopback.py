"""Which hosts only this machine can reach. Pure; several guards rest on this one answer."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether the host is `localhost` or a loopback address. Other names are not, whatever they resolve to."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
