"""What the portal knows: its clients, codes, sessions, and which roles it assigns to whom. It must not speak HTTP.

The rules are those of RFC 8628 and of the AWS IAM Identity Center OIDC API reference.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

REGISTRATION_LIFETIME_S: Final = 90 * 86_400
CODE_LIFETIME_S: Final = 600
INTERVAL_S: Final = 1
ACCESS_LIFETIME_S: Final = 3_600
SESSION_LIFETIME_S: Final = 8 * 3_600
_SLOWER_BY_S: Final = 5  # RFC 8628, section 3.5
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, section 6.1: no vowels, so no words


class PortalError(Exception):
    """An error as the API names it."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Assignment:
    """One permission set in one account."""

    account_id: str
    account_name: str
    role_name: str


@dataclass
class Session:
    """A person's sign-in at the portal. It ends with all its tokens."""

    person: str
    client_id: str
    ends_at_s: float
    refresh_token: str = ""
    used_refresh_tokens: set[str] = field(default_factory=set)


@dataclass
class _Code:
    client_id: str
    user_code: str
    expires_at_s: float
    interval_s: float
    polled_at_s: float = float("-inf")
    person: str | None = None
    is_denied: bool = False
    is_redeemed: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What CreateToken gives."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class PortalState:
    """One portal."""

    def __init__(
        self, start_url: str, assignments: Mapping[str, Sequence[Assignment]], clock: Callable[[], float]
    ) -> None:
        """`assignments` are by person; `clock` gives Unix seconds."""
        self.start_url = start_url
        self.assignments: dict[str, tuple[Assignment, ...]] = {who: tuple(has) for who, has in assignments.items()}
        self.access_lifetime_s = ACCESS_LIFETIME_S
        self.session_lifetime_s = SESSION_LIFETIME_S
        self._clock = clock
        self._clients: dict[str, tuple[str, float]] = {}
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, tuple[Session, float]] = {}
        self._refresh: dict[str, Session] = {}

    def register(self) -> tuple[str, str, float]:
        """A new client: id, secret, end."""
        client_id, secret = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        self._clients[client_id] = secret, self._clock() + REGISTRATION_LIFETIME_S
        return client_id, secret, self._clients[client_id][1]

    def start(self, client_id: str, secret: str, start_url: str) -> tuple[str, str]:
        """A device code and the code that the person sees. Raises PortalError."""
        self._check_client(client_id, secret)
        if start_url != self.start_url:
            raise PortalError("InvalidRequestException")
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        user_code, device_code = f"{letters[:4]}-{letters[4:]}", secrets.token_urlsafe(48)
        self._codes[device_code] = _Code(client_id, user_code, self._clock() + CODE_LIFETIME_S, INTERVAL_S)
        return device_code, user_code

    def is_open(self, user_code: str) -> bool:
        """Whether the code can still be approved."""
        code = self._find(user_code)
        return code is not None and code.person is None and not code.is_denied

    def decide(self, user_code: str, person: str | None) -> bool:
        """Approve the code as a person, or deny it; False when it is not open."""
        code = self._find(user_code)
        if code is None or not self.is_open(user_code):
            return False
        code.person, code.is_denied = person, person is None
        return True

    def redeem(self, client_id: str, secret: str, device_code: str) -> Tokens:
        """Tokens for an approved code. Raises PortalError."""
        self._check_client(client_id, secret)
        code, now_s = self._codes.get(device_code), self._clock()
        if code is None or code.client_id != client_id or code.is_redeemed:
            raise PortalError("InvalidGrantException")
        if now_s >= code.expires_at_s:
            raise PortalError("ExpiredTokenException")
        if now_s - code.polled_at_s < code.interval_s:
            code.interval_s += _SLOWER_BY_S
            raise PortalError("SlowDownException")
        code.polled_at_s = now_s
        if code.is_denied:
            raise PortalError("AccessDeniedException")
        if code.person is None:
            raise PortalError("AuthorizationPendingException")
        code.is_redeemed = True
        return self._issue(Session(code.person, client_id, now_s + self.session_lifetime_s))

    def refresh(self, client_id: str, secret: str, refresh_token: str) -> Tokens:
        """New tokens; the used ones are void, and using one of them again ends the session. Raises PortalError."""
        self._check_client(client_id, secret)
        session = self._refresh.get(refresh_token)
        if session is None or session.client_id != client_id or self._clock() >= session.ends_at_s:
            raise PortalError("InvalidGrantException")
        if refresh_token in session.used_refresh_tokens:
            self._end(session)
            raise PortalError("InvalidGrantException")
        session.used_refresh_tokens.add(refresh_token)
        return self._issue(session)

    def person(self, access_token: str) -> str:
        """Whose token it is. Raises PortalError."""
        session, expires_at_s = self._access.get(access_token, (None, 0.0))
        if session is None or self._clock() >= min(expires_at_s, session.ends_at_s):
            raise PortalError("UnauthorizedException", 401)
        return session.person

    def assigned(self, access_token: str) -> tuple[Assignment, ...]:
        """What the portal assigns to the token's person. Raises PortalError."""
        return self.assignments.get(self.person(access_token), ())

    def log_out(self, access_token: str) -> None:
        """End the token's session. Raises PortalError."""
        self.person(access_token)
        self._end(self._access[access_token][0])

    def end_sessions(self, person: str) -> None:
        """As an administrator of Identity Center can."""
        for session in {id(found): found for found in self._refresh.values() if found.person == person}.values():
            self._end(session)

    def live_sessions(self, person: str) -> int:
        """How many sessions of the person have not ended."""
        sessions = {id(found) for found in self._refresh.values() if found.person == person}
        return len(sessions)

    def every_secret(self) -> set[str]:
        """All codes, tokens and clients' secrets that are known here: none may be seen elsewhere."""
        return {*self._codes, *self._access, *self._refresh, *(secret for secret, _ in self._clients.values())}

    def forget_clients(self) -> None:
        """As when all registrations have expired."""
        self._clients.clear()

    def _check_client(self, client_id: str, secret: str) -> None:
        known, expires_at_s = self._clients.get(client_id, ("", 0.0))
        if not known or not secrets.compare_digest(known, secret) or self._clock() >= expires_at_s:
            raise PortalError("InvalidClientException", 401)

    def _find(self, user_code: str) -> _Code | None:
        now_s = self._clock()
        found = (code for code in self._codes.values() if code.user_code == user_code and now_s < code.expires_at_s)
        return next(found, None)

    def _issue(self, session: Session) -> Tokens:
        now_s = self._clock()
        lifetime_s = int(min(self.access_lifetime_s, session.ends_at_s - now_s))
        tokens = Tokens(secrets.token_urlsafe(96), secrets.token_urlsafe(96), lifetime_s)
        session.refresh_token = tokens.refresh_token
        self._access[tokens.access_token] = session, now_s + lifetime_s
        self._refresh[tokens.refresh_token] = session
        return tokens

    def _end(self, session: Session) -> None:
        session.ends_at_s = float("-inf")
        self._access = {token: found for token, found in self._access.items() if found[0] is not session}
        self._refresh = {token: found for token, found in self._refresh.items() if found is not session}
