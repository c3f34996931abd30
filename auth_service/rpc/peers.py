"""Who calls: the names in the caller's certificate, for records of what administrators do."""

from typing import Any

from servicekit.grpc_calls import Call


def name_of_peer(context: Any) -> str:
    """The DNS names in the verified certificate of the caller."""
    return ", ".join(Call("", context).peer_names)
