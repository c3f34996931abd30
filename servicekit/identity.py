"""Who the current call is for: the verified user, carried in the OpenTelemetry context and nowhere else.

Pure of crypto: `servicekit.assertions` verifies; this module only holds what was verified. Never baggage: a client can
forge it and an HTTP instrumentation would send it to AWS (docs/adr/0003-identity-in-signed-metadata.md).
"""

import hashlib
from base64 import b32encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import context

from servicekit.permissions import Permission

ASSERTION_METADATA_KEY = "cwmcp-assertion-bin"
_VERIFIED_KEY = context.create_key("cwmcp-verified")


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified user. Equal users have equal `user_id`; nothing else identifies one."""

    user_id: str
    issuer: str
    subject: str
    email: str = ""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    client_id: str = ""
    unauthenticated: bool = False
    permissions: frozenset[Permission] = frozenset()
    """What the policy allows the user in at least one account, within the scopes."""
    groups_omitted: bool = False
    """The token lists no groups because they are too many, so what they would give is not given."""
    # About the token at hand, by which its sign-in may be ended before it: see servicekit.revocations.
    token_subject: str = field(default="", compare=False)
    """The token's own `sub`; differs from `subject` where the issuer's users are known by another claim."""
    session_id: str = field(default="", compare=False)
    """The issuer's session (`sid`), or empty where its tokens name none."""
    token_issued_at_s: int = field(default=0, compare=False)

    @property
    def facts(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """All that the policy may judge the user by, beyond who it is. Equal facts, equal access."""
        return self.email, self.groups, self.scopes


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    assertion: bytes = field(repr=False)
    needed: Permission | None


def fold_email(email: str) -> str:
    """The form in which e-mails compare: without regard to the case of ASCII letters, and to the letter otherwise.

    Unicode's own folding would make one of two people's: of "ß" and "ss", of the Kelvin sign and "k" (Unicode Technical
    Report 36, section 2). Domains and mailboxes beyond ASCII are rare enough to be written as the token has them.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in email)


def derive_user_id(issuer: str, subject: str) -> str:
    """An opaque, stable, injective name of (issuer, subject): `u-` and 26 base32 characters (130 bits of SHA-256)."""
    digest = hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).digest()
    return "u-" + b32encode(digest).decode().lower()[:26]


@contextmanager
def acting_for(principal: Principal, assertion: bytes = b"", needed: Permission | None = None) -> Iterator[None]:
    """Make `principal` the user of everything in this context, spans included; `assertion` is what proved it.

    `needed` is the permission that the call asks for in whatever account it acts on; None where it needs none.
    """
    token = context.attach(context.set_value(_VERIFIED_KEY, _Verified(principal, assertion, needed)))
    try:
        yield
    finally:
        context.detach(token)


def find_principal(at: context.Context | None = None) -> Principal | None:
    """The verified user of the current context, or None where no user is involved."""
    found = context.get_value(_VERIFIED_KEY, at)
    return found.principal if isinstance(found, _Verified) else None


def current_principal() -> Principal:
    """The verified user of the current call; raises LookupError where nobody was verified, which is a defect."""
    return _current().principal


def current_assertion() -> bytes:
    """The assertion that proved the current user, to present to auth_service; raises LookupError as above."""
    return _current().assertion


def needed_permission() -> Permission | None:
    """The permission that the current call asks for, or None; raises LookupError as above."""
    return _current().needed


def _current() -> _Verified:
    found = context.get_value(_VERIFIED_KEY)
    if not isinstance(found, _Verified):
        raise LookupError("no verified principal in this context")
    return found
