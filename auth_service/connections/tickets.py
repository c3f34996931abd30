"""Random texts that stand for something kept here: the part of a link, a browser's cookie. Pure.

They are made of 256 random bits and written in hexadecimal digits, which pass every chat, model and mail unchanged.
Whoever keeps them keeps digests only, so nobody who reads the store can make a text out of them.
"""

import hashlib
import re
import secrets
from typing import Final

_BYTES: Final = 32
_FORM: Final = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}")


def make_ticket() -> tuple[str, bytes]:
    """A new one, and its digest."""
    ticket = secrets.token_hex(_BYTES)
    return ticket, _digest(ticket)


def digest_of(ticket: str) -> bytes | None:
    """What a ticket is known by; None for what cannot be one."""
    return _digest(ticket) if _FORM.fullmatch(ticket) else None


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
