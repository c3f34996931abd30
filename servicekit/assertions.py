"""Identity assertions: how auth_service vouches for a user and how every other service checks it.

A compact JWS (RFC 7515), Ed25519 (RFC 8037), for one audience, for minutes. Only auth_service holds a private key. The
frontend never imports this module: it passes assertions on without reading them.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

import jwt
from cachetools import TLRUCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.utils import base64url_decode

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import compact, expand

ISSUER: Final = "cwmcp-auth"
TYPE: Final = "cwmcp-assertion+jwt"
MAX_LIFETIME_S: Final = 300
_ALGORITHM: Final = "EdDSA"
_SEALED_TOKEN: Final = "sealed_token"  # noqa: S105 - the name of a claim
_LEEWAY_S: Final = 5
# A token of 16 KiB makes an assertion of up to three times that, where its groups are not ASCII, and sealed inside the
# assertion it takes nearly twice its size. gRPC may write it in base64: that fits its bound on metadata.
MAX_ASSERTION_BYTES: Final = 90_000
_CACHED_ASSERTIONS: Final = 20_000
_REFRESH_COOLDOWN_S: Final = 0.5
_REQUIRED: Final = ("iss", "aud", "sub", "iat", "exp", "permissions")


def sign(
    principal: Principal,
    *,
    key: Ed25519PrivateKey,
    key_id: str,
    audience: str,
    issued_at_s: int,
    expires_at_s: int,
    sealed_token: str = "",
) -> bytes:
    """An assertion that `principal` is who `audience` may act for, until `expires_at_s` (Unix seconds).

    `sealed_token` travels inside for auth_service itself, which alone can open it.
    """
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": principal.user_id,
        "iat": issued_at_s,
        "exp": expires_at_s,
        "token_iss": principal.issuer,
        "token_sub": principal.subject,
        "email": principal.email,
        "groups": list(principal.groups),
        "scopes": list(principal.scopes),
        "client_id": principal.client_id,
        "unauthenticated": principal.unauthenticated,
        "token_own_sub": principal.token_subject,
        "token_sid": principal.session_id,
        "token_iat": principal.token_issued_at_s,
        "permissions": compact(principal.permissions),
        "groups_omitted": principal.groups_omitted,
    }
    if sealed_token:
        claims[_SEALED_TOKEN] = sealed_token
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"typ": TYPE, "kid": key_id}).encode()


def read_sealed_token(verified: bytes) -> str:
    """What `sign` was given as `sealed_token`, or empty. `verified` is an assertion that passed AssertionVerifier."""
    claims = json.loads(base64url_decode(verified.split(b".")[1]))
    return str(claims.get(_SEALED_TOKEN, ""))


_Passed = tuple[Principal, float]
KeySource = Callable[[], Awaitable[Mapping[str, Ed25519PublicKey]]]


class AssertionVerifier:
    """Checks assertions against the published keys, and remembers those that passed until they end.

    An unknown key id makes it ask for the keys again, one request at a time and at most twice a second.
    A key that is no longer published is forgotten `max_key_age_s` after the last look, at the latest.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        clock: Callable[[], float] = time.time,
        max_key_age_s: float = 300.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = keys
        self._sleep = sleep
        self._clock = clock
        self._max_key_age_s = max_key_age_s
        self._keys: Mapping[str, Ed25519PublicKey] = {}
        self._keys_at_s = float("-inf")
        self._asked_at_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._passed: TLRUCache[tuple[bytes, str], _Passed] = TLRUCache(
            maxsize=_CACHED_ASSERTIONS, ttu=lambda _key, entry, _now: entry[1], timer=clock
        )

    async def verify(self, assertion: bytes, audiences: Collection[str]) -> Principal:
        """The user of a valid assertion for one of `audiences`.

        Raises ServiceError: ASSERTION_INVALID, or UNAVAILABLE when the keys cannot be had.
        """
        await self._keep_keys_fresh()
        digest = hashlib.sha256(assertion).digest()
        for audience in audiences:
            known = self._passed.get((digest, audience))
            if known is not None:
                return known[0]
        claims = await self._decode(assertion, audiences)
        principal = _to_principal(claims)
        self._passed[(digest, str(claims["aud"]))] = (principal, float(claims["exp"]))
        return principal

    async def _decode(self, assertion: bytes, audiences: Collection[str]) -> dict[str, Any]:
        if len(assertion) > MAX_ASSERTION_BYTES:
            raise _refused("it is too long")
        header = _read_header(assertion)
        if header.get("typ") != TYPE or header.get("alg") != _ALGORITHM:
            raise _refused("it is of another type")
        key = await self._find_key(str(header.get("kid")))
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=list(audiences),
                # The times are checked below, by the same clock that ends what is remembered.
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise _refused(str(error)) from error
        _check_times(claims["iat"], claims["exp"], self._clock())
        return claims

    async def _keep_keys_fresh(self) -> None:
        """Ask again once the keys are old; what was remembered goes with them, so a withdrawn key stops working."""
        if self._clock() - self._keys_at_s <= self._max_key_age_s:
            return
        await self._ask()

    async def _find_key(self, key_id: str) -> Ed25519PublicKey:
        """The key of that id. A new one is waited for, until the keys may be asked for again, rather than refused."""
        if key_id not in self._keys:
            left_s = self._asked_at_s + _REFRESH_COOLDOWN_S - self._clock()
            await self._sleep(min(max(0.0, left_s), _REFRESH_COOLDOWN_S))  # a clock may be set back meanwhile
        is_asking = self._asking is not None and not self._asking.done()
        if key_id not in self._keys and (is_asking or self._clock() - self._asked_at_s >= _REFRESH_COOLDOWN_S):
            await self._ask()
        found = self._keys.get(key_id)
        if found is None:
            raise _refused("its key is not published")
        return found

    async def _ask(self) -> None:
        """Fetch the keys, together with whoever else waits for them; not cancelled by one who gives up."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._fetch())
        await asyncio.shield(self._asking)

    async def _fetch(self) -> None:
        self._asked_at_s = self._clock()
        fresh = await self._source()
        if any(key_id not in fresh for key_id in self._keys):
            self._passed.clear()
        self._keys, self._keys_at_s = fresh, self._clock()


def _check_times(issued_at_s: int, expires_at_s: int, now_s: float) -> None:
    if now_s >= expires_at_s + _LEEWAY_S:
        raise _refused("it has expired")
    if issued_at_s > now_s + _LEEWAY_S:
        raise _refused("it is not valid yet")
    if expires_at_s - issued_at_s > MAX_LIFETIME_S:
        raise _refused("it lives too long")


def _read_header(assertion: bytes) -> dict[str, Any]:
    """The header alone; PyJWT's own reading of it decodes the whole assertion."""
    try:
        header = json.loads(base64url_decode(assertion.partition(b".")[0]))
    except (ValueError, RecursionError) as error:
        raise _refused("it is not a JWS") from error
    if not isinstance(header, dict):
        raise _refused("it is not a JWS")
    return header


def _refused(why: str) -> ServiceError:
    return ServiceError(Reason.ASSERTION_INVALID, f"the identity assertion is refused: {why}")


def _to_principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        user_id=str(claims["sub"]),
        issuer=str(claims["token_iss"]),
        subject=str(claims["token_sub"]),
        email=str(claims.get("email", "")),
        groups=tuple(claims.get("groups", ())),
        scopes=tuple(claims.get("scopes", ())),
        client_id=str(claims.get("client_id", "")),
        unauthenticated=bool(claims.get("unauthenticated", False)),
        token_subject=str(claims.get("token_own_sub", "")),
        session_id=str(claims.get("token_sid", "")),
        token_issued_at_s=int(claims.get("token_iat", 0)),
        permissions=expand(claims["permissions"]),
        groups_omitted=bool(claims.get("groups_omitted", False)),
    )
