"""IAM's identity providers: an account trusts an issuer for some audiences, and STS checks its tokens as AWS does.

The issuer's keys are fetched at each call, so an issuer that is down is one that AWS cannot reach. What AWS demands
beyond that (https, a public address) is not demanded here.
"""

import json
import time
from collections.abc import Collection
from typing import Any, Final

import aiohttp
import jwt

from tests.kit.fake_aws.wire import AwsError

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_TIMEOUT: Final = aiohttp.ClientTimeout(total=3)
_MAX_CHARACTERS: Final = 20_000
_TAGS: Final = "https://aws.amazon.com/tags"
_SOURCE_IDENTITY: Final = "https://aws.amazon.com/source_identity"


class IdentityProviders:
    """The OpenID Connect providers of all accounts."""

    def __init__(self) -> None:
        self._audiences: dict[tuple[str, str], frozenset[str]] = {}

    def add(self, account_id: str, issuer: str, audiences: Collection[str]) -> None:
        """From now on the account trusts the issuer's tokens for these audiences."""
        self._audiences[account_id, issuer] = frozenset(audiences)

    async def verify(self, account_id: str, token: str) -> dict[str, Any]:
        """The claims of a token that the account's provider accepts. Raises AwsError as STS does."""
        claims = _unverified(token)
        issuer = str(claims.get("iss"))
        audiences = self._audiences.get((account_id, issuer))
        if audiences is None:
            raise _refused(f"No OpenIDConnect provider found in your account for {issuer}")
        keys = await _fetch_keys(issuer)
        try:
            jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], _ALGORITHMS, options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, KeyError) as error:
            raise _refused("The web identity token could not be validated") from error
        if time.time() >= claims["exp"]:
            raise AwsError("ExpiredTokenException", 400, "Token expired")
        named = claims.get("aud", [])
        if audiences.isdisjoint(named if isinstance(named, list) else [named]):
            raise _refused("Incorrect token audience")
        return claims


_SIGNATURE_ONLY: Final = {"verify_exp": False, "verify_aud": False, "verify_iat": False}


def session_tags(claims: dict[str, Any]) -> dict[str, str]:
    """The session tags in a token."""
    tags = claims.get(_TAGS, {}).get("principal_tags", {})
    return {name: value[0] if isinstance(value, list) else value for name, value in tags.items()}


def source_identity(claims: dict[str, Any]) -> str | None:
    """The source identity in a token."""
    return claims.get(_SOURCE_IDENTITY)


def _unverified(token: str) -> dict[str, Any]:
    if not 4 <= len(token) <= _MAX_CHARACTERS:
        raise AwsError("ValidationError", 400, "webIdentityToken failed to satisfy a constraint on its length")
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError as error:
        raise _refused("The ID Token provided is not a valid JWT") from error


async def _fetch_keys(issuer: str) -> dict[str, jwt.PyJWK]:
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
            configuration = await _fetch(http, f"{issuer}/.well-known/openid-configuration")
            found = await _fetch(http, configuration["jwks_uri"])
    except (TimeoutError, aiohttp.ClientError, ValueError, KeyError) as error:
        raise AwsError("IDPCommunicationError", 400, "The identity provider could not be reached") from error
    return {key["kid"]: jwt.PyJWK.from_dict(key) for key in found["keys"]}


async def _fetch(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(url) as response:
        response.raise_for_status()
        return dict(json.loads(await response.read()))


def _refused(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", 400, message)
