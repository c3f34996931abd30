"""The closed table of token issuers: what each one's access tokens must look like.

A token's unverified `iss` is only ever used to look an entry up here. The rules are those of RFC 8725 and RFC 9068.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auth_service.domain.claimed_keys import KeyClaims
from auth_service.domain.token_exchange import TokenExchangeSettings
from servicekit.loopback import is_loopback

# Asymmetric only. The first six are what AWS STS accepts too.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")
_DEFAULT_ALGORITHMS: Final = ALGORITHMS[:6]
# RFC 9068 section 4 names the first two; many providers send "JWT", or nothing.
_TYPED: Final = ("at+jwt", "application/at+jwt")
_UNTYPED: Final = ("jwt", "")

ClaimPaths = Annotated[tuple[str, ...], Field(min_length=1)]


class Issuer(BaseModel):
    """One issuer. Unknown settings are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1)
    preset: str = "generic"
    audiences: tuple[str, ...] = Field(min_length=1)
    jwks_url: str | None = None
    """Where the keys are; taken from the issuer's discovery document when unset."""
    algorithms: tuple[str, ...] = Field(default=_DEFAULT_ALGORITHMS, min_length=1)
    token_types: tuple[str, ...] = Field(default=_TYPED + _UNTYPED, min_length=1)
    """Accepted values of the header `typ`, in lower case; "" stands for a token without one."""
    client_ids: tuple[str, ...] = ()
    """The OAuth clients whose tokens are accepted; empty for all."""
    required_values: Mapping[str, str] = Field(default_factory=dict)
    """Claims that must be present with exactly this text, such as token_use: access."""
    user_id_claims: ClaimPaths = ("sub",)
    email_claims: ClaimPaths = ("email",)
    group_claims: ClaimPaths = ("groups",)
    scope_claims: ClaimPaths = ("scope", "scp")
    client_claims: ClaimPaths = ("client_id", "azp", "cid", "appid")
    session_claims: ClaimPaths = ("sid",)
    """Where access tokens name the session that a back-channel logout ends."""
    logout_audiences: tuple[str, ...] = ()
    """For whom logout tokens may be: ids of OAuth clients. When empty, `client_ids` and `audiences`."""
    leeway_s: int = Field(default=30, ge=0, le=60)
    max_lifetime_s: int = Field(default=86_400, ge=60)
    """The longest exp - iat; a token that lives longer is refused."""
    token_exchange: TokenExchangeSettings | None = None
    """How users' tokens become tokens for AWS; without it AWS is shown the tokens that clients present."""
    aws_key_claims: KeyClaims = KeyClaims()
    """Where tokens carry AWS keys, for the strategy token_claims."""

    @property
    def accepted_logout_audiences(self) -> frozenset[str]:
        """For whom logout tokens may be."""
        return frozenset(self.logout_audiences or (*self.client_ids, *self.audiences))

    @field_validator("algorithms")
    @classmethod
    def _only_asymmetric(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        refused = sorted(set(names) - set(ALGORITHMS))
        if refused:
            raise ValueError(f"not an acceptable algorithm: {', '.join(refused)}")
        return names

    @field_validator("token_types")
    @classmethod
    def _lower_case(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in types)

    @model_validator(mode="after")
    def _only_secure_addresses(self) -> Self:
        exchange = self.token_exchange.endpoint if self.token_exchange else None
        for address in filter(None, (self.issuer, self.jwks_url, exchange)):
            if not _is_secure(address):
                raise ValueError(f"{address}: must be https, or http on a loopback address")
        if self.preset not in PRESETS:
            raise ValueError(f"no such preset: {self.preset}; there are {', '.join(PRESETS)}")
        return self


PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "generic": {},
}


def build_issuers(entries: list[Mapping[str, Any]]) -> dict[str, Issuer]:
    """The table by issuer name, each entry laid over its preset. Raises ValueError naming the entry at fault."""
    table: dict[str, Issuer] = {}
    for entry in entries:
        preset = PRESETS.get(str(entry.get("preset", "generic")), {})
        issuer = Issuer.model_validate({**preset, **entry})
        if issuer.issuer in table:
            raise ValueError(f"issuer {issuer.issuer} is listed twice")
        table[issuer.issuer] = issuer
    return table


def _is_secure(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname is not None and is_loopback(parts.hostname)
