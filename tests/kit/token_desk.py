"""An authenticator with keys in hand and a clock that the test moves: for tests of what it makes of a token."""

from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from auth_service.adapters.jwks import VerificationKey
from auth_service.adapters.sealing_keys import SealingKeys
from auth_service.adapters.signing_keys import SigningKeys
from auth_service.authentication import TokenAuthenticator, Voucher
from auth_service.domain.issuers import build_issuers
from auth_service.domain.policy import Policy
from auth_service.revocation import Revocations
from auth_service.sealing import TokenSealing
from auth_service.validation import TokenValidator
from servicekit.errors import Reason, ServiceError
from servicekit.permissions import EVERYTHING
from tests.kit.issuer import SigningKey, ec_key, ed25519_key, encode, encode_raw, rsa_key
from tests.kit.issuer.tokens import overridden

NOW_S: Final = 1_800_000_000
ISSUER: Final = "https://idp.example.com"
AUDIENCE: Final = "https://mcp.example.com/mcp"
SCOPE: Final = "aws:cloudwatch"
RSA, EC, ED = rsa_key("rsa-1"), ec_key("ec-1"), ed25519_key("ed-1")
P384: Final = SigningKey("p384", "ES256", ec.generate_private_key(ec.SECP384R1()))

CLAIMS: Final[Mapping[str, Any]] = {
    "iss": ISSUER,
    "sub": "alice-id",
    "aud": AUDIENCE,
    "client_id": "librechat",
    "scope": f"openid {SCOPE}",
    "iat": NOW_S - 10,
    "exp": NOW_S + 600,
    "email": "Alice@Example.com",
    "email_verified": True,
    "groups": ["ops", "dev"],
}


class Clock:
    """Unix seconds, moved by the test."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class KeysInHand:
    """The keys of one issuer without a network."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: ServiceError | None = None
        self._keys = {
            "rsa-1": VerificationKey(RSA.private.public_key(), "RSA", "RS256"),
            "rsa-any": VerificationKey(RSA.private.public_key(), "RSA", None),
            "ec-1": VerificationKey(EC.private.public_key(), "EC", "ES256"),
            "p384": VerificationKey(P384.private.public_key(), "EC", None),
            "ed-1": VerificationKey(ED.private.public_key(), "OKP", None),
        }

    async def find(self, key_id: str) -> VerificationKey:
        """As JwksCache does."""
        self.asked.append(key_id)
        if self.failure is not None:
            raise self.failure
        if key_id not in self._keys:
            raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's key is not one of the issuer's")
        return self._keys[key_id]


class AnswersInHand:
    """What an issuer says of opaque tokens, without a network."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.active: dict[str, Mapping[str, Any]] = {}
        self.failure: ServiceError | None = None

    async def introspect(self, token: str, source: str) -> Mapping[str, Any]:
        """As TokenIntrospector does."""
        self.asked.append(token)
        if self.failure is not None:
            raise self.failure
        if token not in self.active:
            raise ServiceError(Reason.TOKEN_INACTIVE, "not active")
        return self.active[token]


class TokenDesk:
    """The authenticator and what it depends on."""

    def __init__(
        self, entry: Mapping[str, Any] | None = None, *, policy: Policy | None = None, **settings: Any
    ) -> None:
        """`entry` is one of the issuers table; without it, the issuer is a generic one with these settings.

        With a policy, tokens are sealed for those accounts of it that need them.
        """
        self.clock = Clock()
        self.keys = KeysInHand()
        (self.issuer,) = build_issuers([entry or {"issuer": ISSUER, "audiences": [AUDIENCE], **settings}]).values()
        self.policy = policy
        self.sealing = TokenSealing(SealingKeys(None), self._policy_in_force, self.clock) if policy else None
        self.revocations = Revocations({self.issuer.issuer: self.issuer}, None, clock=self.clock)
        self.answers = AnswersInHand()
        self.validator = TokenValidator(
            {self.issuer.issuer: self.issuer},
            {self.issuer.issuer: self.keys},
            {self.issuer.issuer: self.answers},
            required_scopes=(SCOPE,),
        )
        self.authenticator = TokenAuthenticator(
            self.validator,
            Voucher(SigningKeys(None), "cloudwatch-service", self.sealing),
            self.revocations,
            permissions=lambda _: EVERYTHING,
            clock=self.clock,
        )

    def _policy_in_force(self) -> Policy:
        if self.policy is None:
            raise LookupError("the desk has no policy")
        return self.policy

    async def reason(self, token: str) -> Reason | None:
        """Why the token is refused, None when it is accepted. A second time it must be the same."""
        found = [await self._reason_once(token) for _ in range(2)]
        assert found[0] is found[1]
        return found[0]

    async def _reason_once(self, token: str) -> Reason | None:
        try:
            await self.authenticator.authenticate(token, "")
        except ServiceError as error:
            assert not any(part in error.message for part in (token[:40], "alice-id", "Alice@") if part)
            return error.reason
        return None


def token(
    claims: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    *,
    key: SigningKey | bytes | None = RSA,
    algorithm: str = "RS256",
) -> str:
    """alice's good token, changed (OMIT leaves a claim or header out) and really signed by `key` and `algorithm`."""
    header = {"typ": "at+jwt", "alg": algorithm, "kid": "rsa-1"}
    return encode(overridden(header, headers or {}), overridden(CLAIMS, claims or {}), key, algorithm)


def raw_token(payload: str, header: str = '{"typ":"at+jwt","alg":"RS256","kid":"rsa-1"}') -> str:
    """A well-signed token of any text."""
    return encode_raw(header.encode(), payload.encode("utf-8", "surrogatepass"), RSA, "RS256")


def jwk_of(key: SigningKey) -> dict[str, Any]:
    """The public key as a JWK, such as an attacker puts into a header."""
    method = jwt.get_algorithm_by_name(key.algorithm)
    return dict(method.to_jwk(key.private.public_key(), as_dict=True))
