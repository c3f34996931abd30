"""What a client can do for its user, as it has said. Nothing is decided by it but the form of an answer.

Clients of MCP 2026-07-28 say it in every request. Older ones say it once, in `initialize`, and no session is kept here,
in which it could be remembered; so the session id, which the client sends back with every request, is what remembers
it. Only clients that can open an address get one. It opens nothing and is not checked: whoever makes one up is asked
in another form (docs/adr/0029-connect-links.md).
"""

import uuid
from typing import Any, Final

from starlette.datastructures import Headers

SESSION_ID_HEADER: Final = "mcp-session-id"
_OPENS_ADDRESSES: Final = "opens-addresses."


def session_id_for(capabilities: Any) -> str | None:
    """The session id for a client that says `capabilities` in `initialize`, as JSON; None where it needs none."""
    elicitation = capabilities.get("elicitation") if isinstance(capabilities, dict) else None
    can_open = isinstance(elicitation, dict) and isinstance(elicitation.get("url"), dict)
    return _OPENS_ADDRESSES + uuid.uuid4().hex if can_open else None


def remembered_to_open_addresses(headers: Headers) -> bool:
    """Whether the session id says that the client opens addresses for its user."""
    return headers.get(SESSION_ID_HEADER, "").startswith(_OPENS_ADDRESSES)
