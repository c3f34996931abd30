"""The OAuth clients known to the development identity provider: registration (RFC 7591) and authentication. Pure.

In memory and bounded: the oldest registration is forgotten when there are too many.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from deploy.local.oauth_errors import OAuthError
from servicekit.loopback import is_loopback

AUTHENTICATION_METHODS: Final = ("none", "client_secret_basic", "client_secret_post")
GRANT_TYPES: Final = ("authorization_code", "refresh_token")
_MAX_CLIENTS: Final = 1_000
_MAX_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client. A public one has no secret."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    authentication_method: str
    grant_types: tuple[str, ...]
    issued_at_s: int
    secret: str | None = field(default=None, repr=False)

    def registration(self) -> dict[str, Any]:
        """The client information response (RFC 7591, 3.2.1)."""
        answer: dict[str, Any] = {
            "client_id": self.client_id,
            "client_id_issued_at": self.issued_at_s,
            "client_name": self.name,
            "redirect_uris": list(self.redirect_uris),
            "grant_types": list(self.grant_types),
            "response_types": ["code"],
            "token_endpoint_auth_method": self.authentication_method,
        }
        if self.secret is not None:
            answer |= {"client_secret": self.secret, "client_secret_expires_at": 0}
        return answer


class ClientRegistry:
    """Who may ask for tokens."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._clients: dict[str, Client] = {}

    def find(self, client_id: str) -> Client | None:
        """The client of that id."""
        return self._clients.get(client_id)

    def add_public(self, client_id: str, name: str, redirect_uri: str) -> None:
        """Make a client known that did not register itself, as an administrator does."""
        self._clients[client_id] = Client(
            client_id, name, (redirect_uri,), "none", ("authorization_code",), int(self._clock())
        )

    def register(self, metadata: Mapping[str, Any]) -> Client:
        """Add a client. Raises OAuthError invalid_redirect_uri or invalid_client_metadata."""
        method = metadata.get("token_endpoint_auth_method", "client_secret_basic")
        if method not in AUTHENTICATION_METHODS:
            raise OAuthError("invalid_client_metadata", f"token_endpoint_auth_method: one of {AUTHENTICATION_METHODS}")
        client = Client(
            client_id=f"client-{secrets.token_urlsafe(12)}",
            name=str(metadata.get("client_name", "unnamed client"))[:100],
            redirect_uris=_redirect_uris(metadata.get("redirect_uris")),
            authentication_method=method,
            grant_types=_subset("grant_types", metadata.get("grant_types", ["authorization_code"]), GRANT_TYPES),
            issued_at_s=int(self._clock()),
            secret=None if method == "none" else secrets.token_urlsafe(32),
        )
        _subset("response_types", metadata.get("response_types", ["code"]), ("code",))
        while len(self._clients) >= _MAX_CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._clients[client.client_id] = client
        return client

    def authenticate(self, form: Mapping[str, str], authorization: str | None) -> Client:
        """The client of a token request, authenticated in the way it registered. Raises OAuthError invalid_client."""
        if authorization is not None:
            method, (client_id, secret) = "client_secret_basic", _basic_credentials(authorization)
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
            method = "client_secret_post" if secret else "none"
        client = self.find(client_id)
        if client is None or client.authentication_method != method:
            raise OAuthError("invalid_client", "unknown client, or not its way to authenticate", status=401)
        if client.secret is not None and not secrets.compare_digest(client.secret.encode(), secret.encode()):
            raise OAuthError("invalid_client", "wrong client secret", status=401)
        return client


def _redirect_uris(wanted: Any) -> tuple[str, ...]:
    if not isinstance(wanted, list) or not 0 < len(wanted) <= _MAX_REDIRECTS:
        raise OAuthError("invalid_redirect_uri", f"redirect_uris: a list of 1 to {_MAX_REDIRECTS} addresses")
    for uri in wanted:
        if not isinstance(uri, str) or not _is_acceptable_redirect(uri):
            raise OAuthError(
                "invalid_redirect_uri", "each must be https, or http on a loopback address, without a fragment"
            )
    return tuple(wanted)


def _is_acceptable_redirect(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if not parts.hostname or "#" in uri or any(character.isspace() for character in uri):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _subset(name: str, wanted: Any, supported: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(wanted, list) or not wanted or not set(map(str, wanted)) <= set(supported):
        raise OAuthError("invalid_client_metadata", f"{name}: only {', '.join(supported)}")
    return tuple(wanted)


def _basic_credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise OAuthError("invalid_client", "the Authorization header is not HTTP Basic", status=401) from None
    if not colon:
        raise OAuthError("invalid_client", "the Authorization header is not HTTP Basic", status=401)
    return unquote_plus(client_id), unquote_plus(secret)
