"""The audit log's records of connecting: who did what, and what was refused. Never a secret, a link or a code."""

import logging
from typing import Any, Final

from auth_service.domain.connections import Owner

_audit: Final = logging.getLogger("auth_service.audit")


def done(event: str, owner: Owner, **facts: Any) -> None:
    """A step that a person, or this service for a person, has taken."""
    _audit.info("%s", event, extra={"facts": {"event": event, **_whose(owner), **facts}})


def refused(event: str, owner: Owner | None, **facts: Any) -> None:
    """Something that was not let happen; `owner` is who tried, where that is known."""
    _audit.warning("%s", event, extra={"facts": {"event": event, **(_whose(owner) if owner else {}), **facts}})


def _whose(owner: Owner) -> dict[str, str]:
    return {
        "issuer": owner.issuer,
        "subject": owner.subject,
        "acting_user_id": owner.user_id,
    }
