"""A user's own AWS sign-in at an IAM Identity Center access portal, and what leads to it, as values. Pure.

Secrets never show in a representation. Times are Unix seconds.
"""

from dataclasses import dataclass, field

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose something is: the issuer and subject of a verified principal, which alone are identity."""

    issuer: str
    subject: str

    @classmethod
    def of(cls, principal: Principal) -> "Owner":
        """Whose the principal's things are."""
        return cls(principal.issuer, principal.subject)

    @property
    def user_id(self) -> str:
        """The principal's, which is derived."""
        return derive_user_id(self.issuer, self.subject)


@dataclass(frozen=True, slots=True)
class Portal:
    """One access portal: its address and the region of its Identity Center instance."""

    start_url: str
    region: str


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """This product as a public client of a portal's Identity Center."""

    client_id: str
    client_secret: str = field(repr=False)
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class PortalTokens:
    """What opens every account and role that the portal assigns to the user."""

    access_token: str = field(repr=False)
    access_expires_at_s: float
    refresh_token: str = field(repr=False)
    """Empty where the portal gave none: then the connection ends with the access token."""
    registration: ClientRegistration | None = None
    """The client that they were issued to, which alone can refresh them; a newer one of this product cannot."""


@dataclass(frozen=True, slots=True, order=True)
class PortalRole:
    """One permission set in one account, as the portal lists it."""

    account_id: str
    account_name: str
    role_name: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A user's sign-in at a portal."""

    connection_id: str
    owner: Owner
    portal: Portal
    tokens: PortalTokens
    version: int
    """Grows with every change of the tokens; whoever changes them names the version that they replace."""
    created_at_s: float
    offered: tuple[PortalRole, ...] = ()
    """What the portal listed when last asked."""
    chosen: tuple[PortalRole, ...] = ()
    """What the user picked of it."""
    last_used_at_s: float | None = None
    ended_at_s: float | None = None
    """When it stopped working; the tokens are gone then."""
    ended_because: str = ""


@dataclass(frozen=True, slots=True)
class ConnectLink:
    """A link that a user was given, known by the digest of its random part only."""

    digest: bytes
    owner: Owner
    expires_at_s: float
    email: str = ""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """What the policy judges the owner by, as the access token had it with which the link was asked for."""


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser whose user has signed in at the issuer, known by the digest of its cookie only."""

    digest: bytes
    owner: Owner
    display_name: str
    email: str
    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    expires_at_s: float
    may_connect: bool
    """Whether it came by a link. Only then may it start an attempt."""


@dataclass(frozen=True, slots=True)
class ConnectAttempt:
    """One device authorization (RFC 8628) under way, bound to the browser's session that began it."""

    attempt_id: str
    owner: Owner
    session_digest: bytes
    portal: Portal
    device_code: str = field(repr=False)
    interval_s: float
    expires_at_s: float
    registration: ClientRegistration
    """The client that asked for the code and alone can redeem it."""


class StoreUnavailable(ServiceError):
    """The database does not answer, or what it answers cannot be trusted."""

    def __init__(self, message: str = "the store of connections does not answer now") -> None:
        super().__init__(Reason.UNAVAILABLE, message, retry_after_s=2.0)
