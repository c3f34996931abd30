"""Signs the development identity provider's access tokens (RFC 9068) and ID tokens, with one key."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.people import User

ALGORITHM: Final = "RS256"
_KEY_BITS: Final = 2048


def make_key() -> rsa.RSAPrivateKey:
    """A new signing key; takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)


class TokenSigner:
    """One issuer's key and the tokens signed with it."""

    def __init__(self, issuer: str, clock: Callable[[], float], lifetime_s: int, key: rsa.RSAPrivateKey) -> None:
        self._issuer = issuer
        self._clock = clock
        self._key = key
        self.key_id = secrets.token_hex(8)
        self.lifetime_s = lifetime_s

    def jwks(self) -> dict[str, Any]:
        """The public key set (RFC 7517)."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.key_id, "alg": ALGORITHM, "use": "sig"}]}

    def access_token(self, user: User, client_id: str, resource: str, scopes: Iterable[str], **claims: object) -> str:
        """An access token for the resource; `claims` add to or replace what it says (None leaves a claim out)."""
        ordinary = self._times() | {
            "iss": self._issuer,
            "sub": user.subject,
            "aud": resource,
            "client_id": client_id,
            "scope": " ".join(scopes),
            "jti": secrets.token_urlsafe(16),
            "email": user.email,
            "email_verified": True,
            "name": user.full_name,
            "groups": list(user.groups),
        }
        said = {name: value for name, value in (ordinary | claims).items() if value is not None}
        return self._sign(said, "at+jwt")

    def id_token(self, user: User, client_id: str, nonce: str) -> str:
        """Tells the client who signed in (OpenID Connect Core, 2)."""
        claims: dict[str, object] = self._times() | {
            "iss": self._issuer,
            "sub": user.subject,
            "aud": client_id,
            "email": user.email,
            "email_verified": True,
            "name": user.full_name,
            "preferred_username": user.username,
        }
        if nonce:
            claims["nonce"] = nonce
        return self._sign(claims, "JWT")

    def read_access_token(self, token: str) -> dict[str, Any]:
        """The claims of one of our own live access tokens. Raises jwt.InvalidTokenError."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key.public_key(),
            algorithms=[ALGORITHM],
            issuer=self._issuer,
            # The time is judged below by this provider's own clock; the audience is another server.
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["exp", "client_id"]},
        )
        if claims["exp"] <= self._clock():
            raise jwt.ExpiredSignatureError("the token expired")
        return claims

    def _times(self) -> dict[str, object]:
        now_s = int(self._clock())
        return {"iat": now_s, "exp": now_s + self.lifetime_s}

    def _sign(self, claims: dict[str, Any], token_type: str) -> str:
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id, "typ": token_type})
