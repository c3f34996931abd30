"""The closed table of token issuers: what each one's access tokens must look like.

A token's unverified `iss` is only ever used to look an entry up here. The rules are those of RFC 8725 and RFC 9068, for
opaque tokens those of RFC 7662.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from auth_service.domain.claimed_keys import KeyClaims
from auth_service.domain.client_settings import ClientSettings
from auth_service.domain.presets import PRESETS, claims_in_name
from auth_service.domain.sign_in_settings import SignInSettings
from auth_service.domain.token_exchange import TokenExchangeSettings
from servicekit.loopback import is_loopback

# Asymmetric only. The first six are what AWS STS accepts too.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")
_DEFAULT_ALGORITHMS: Final = ALGORITHMS[:6]
# RFC 9068 section 4 names the first two; many providers send "JWT", or nothing.
TYPED: Final = ("at+jwt", "application/at+jwt")
_UNTYPED: Final = ("jwt", "")

Name = Annotated[str, Field(min_length=1)]
ClaimPaths = Annotated[tuple[Name, ...], Field(min_length=1)]
_DEFAULT: Final = "generic"
ANY_CLIENT: Final = "*"
"""In `logout_audiences`: logouts of all clients count, for issuers at which clients register themselves."""
_Place = tuple[str | int, ...]


class IssuersFaulty(ValueError):
    """The table is wrong. `faults` are pairs of a place, such as (0, "audiences"), and what is wrong there."""

    def __init__(self, faults: Sequence[tuple[_Place, str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, place))}: {message}" for place, message in faults))
        self.faults = tuple(faults)


class Introspection(ClientSettings):
    """How an issuer is asked about its opaque tokens (RFC 7662). Secrets are files."""

    endpoint: str | None = None
    """Taken from the issuer's discovery document when unset."""
    token_prefix: str = ""
    """Only opaque tokens that begin so are this issuer's; needed where several issuers are asked."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.endpoint is not None and not _is_secure(self.endpoint):
            raise ValueError(f"{self.endpoint}: must be https, or http on a loopback address")
        if self.client_auth == "none":
            raise ValueError("client_auth none: whoever asks about tokens must prove who it is (RFC 7662, section 2.1)")
        if self.fault_of_proof:
            raise ValueError(self.fault_of_proof)
        return self


class Issuer(BaseModel):
    """One issuer. Unknown settings are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1)
    preset: str = _DEFAULT
    audiences: tuple[Name, ...] = ()
    audience_by_client: bool = False
    """Without `audiences`: accept tokens that have none, of the clients in `client_ids` (classic Cognito tokens)."""
    jwks_url: str | None = None
    """Where the keys are; taken from the issuer's discovery document when unset."""
    algorithms: tuple[str, ...] = Field(default=_DEFAULT_ALGORITHMS, min_length=1)
    token_types: tuple[str, ...] = Field(default=TYPED + _UNTYPED, min_length=1)
    """Accepted values of the header `typ`, in lower case; "" stands for a token without one."""
    client_ids: tuple[Name, ...] = ()
    """The OAuth clients whose tokens are accepted; empty for all."""
    required_values: Mapping[str, str] = Field(default_factory=dict)
    """Claims that must be present with exactly this text, such as token_use: access."""
    user_id_claims: ClaimPaths = ("sub",)
    """All of these together name the user."""
    email_claims: ClaimPaths = ("email",)
    email_verified_claims: ClaimPaths = ("email_verified",)
    email_trust: Literal["verified", "always", "never"] = "verified"
    """When a token's e-mail counts: when a claim says that it is verified, always (the provider sets it), never."""
    group_claims: ClaimPaths = ("groups",)
    scope_claims: ClaimPaths = ("scope", "scp")
    scope_prefix: str = ""
    """What the provider puts before the scopes of this product; scopes without it are not ours."""
    scope_request_prefix: str = ""
    """What clients must put before a scope to ask for it, where tokens do not show it (Entra ID)."""
    client_claims: ClaimPaths = ("client_id", "azp", "cid", "appid")
    session_claims: ClaimPaths = ("sid",)
    """Where access tokens name the session that a back-channel logout ends."""
    logout_audiences: tuple[str, ...] = ()
    """For whom logout tokens may be: ids of OAuth clients, or ANY_CLIENT. When empty, `client_ids` and `audiences`."""
    leeway_s: int = Field(default=30, ge=0, le=60)
    max_lifetime_s: int = Field(default=86_400, ge=60)
    """The longest exp - iat; a token that lives longer is refused."""
    token_exchange: TokenExchangeSettings | None = None
    """How users' tokens become tokens for AWS; without it AWS is shown the tokens that clients present."""
    aws_key_claims: KeyClaims = KeyClaims()
    """Where tokens carry AWS keys, for the strategy token_claims."""
    introspection: Introspection | None = None
    sign_in: SignInSettings | None = None
    """How people's browsers sign in for connecting; without it nobody of this issuer can connect."""

    def accepts_logout_for(self, audience: str) -> bool:
        """Whether a logout token may be for this OAuth client."""
        if ANY_CLIENT in self.logout_audiences:
            return True
        return audience in (self.logout_audiences or (*self.client_ids, *self.audiences))

    def as_requested(self, scope: str) -> str:
        """A scope of this product as a client must ask this issuer for it."""
        return f"{self.scope_request_prefix or self.scope_prefix}{scope}"

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

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _only_secure_addresses(cls, address: str | None) -> str | None:
        if address is not None and not _is_secure(address):
            raise ValueError(f"{address}: must be https, or http on a loopback address")
        return address

    @field_validator("token_exchange")
    @classmethod
    def _only_secure_exchange(cls, exchange: TokenExchangeSettings | None) -> TokenExchangeSettings | None:
        if exchange is not None and exchange.endpoint is not None and not _is_secure(exchange.endpoint):
            raise ValueError(f"{exchange.endpoint}: must be https, or http on a loopback address")
        return exchange

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(f"no such preset: {name}; there are {', '.join(PRESETS)}")
        return name

    @field_validator("logout_audiences")
    @classmethod
    def _any_client_alone(cls, audiences: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if ANY_CLIENT in audiences and (len(audiences) > 1 or info.data.get("client_ids")):
            raise ValueError(f"{ANY_CLIENT} stands for clients that nobody can list: without others and client_ids")
        return audiences

    @model_validator(mode="after")
    def _meant_for_us(self) -> Self:
        for name, message in _faults_of_reach(self.audiences, self.audience_by_client, self.client_ids):
            raise ValueError(f"{name}: {message}")
        return self


def build_issuers(entries: Sequence[object]) -> dict[str, Issuer]:
    """The table by issuer name, each entry laid over its preset. Raises IssuersFaulty with every fault."""
    table: dict[str, Issuer] = {}
    built: list[tuple[int, Issuer]] = []
    faults: list[tuple[_Place, str]] = []
    for number, entry in enumerate(entries):
        try:
            issuer = _build(entry)
        except IssuersFaulty as error:
            faults += [((number, *place), message) for place, message in error.faults]
            continue
        if issuer.issuer in table:
            faults.append(((number, "issuer"), f"{issuer.issuer} is listed twice"))
        table[issuer.issuer] = issuer
        built.append((number, issuer))
    faults += _ambiguous_prefixes(built)
    if faults:
        raise IssuersFaulty(faults)
    return table


def _build(entry: object) -> Issuer:
    """Raises IssuersFaulty. What the issuer's name fixes (Entra's tenant) is demanded of every token."""
    if not isinstance(entry, Mapping):
        raise IssuersFaulty([((), "must be a mapping")])
    preset = PRESETS.get(str(entry.get("preset", _DEFAULT)), PRESETS[_DEFAULT])
    own = entry.get("required_values", {})
    merged = {**preset.defaults, **entry}
    faults: dict[_Place, str] = {}
    try:
        fixed = claims_in_name(preset, str(entry.get("issuer", "")))
        if isinstance(own, Mapping):
            values = {**preset.defaults.get("required_values", {}), **fixed, **own}
            merged["required_values"] = {name: value for name, value in values.items() if value is not None}
    except ValueError as error:
        faults["issuer",] = str(error)
    reach = (merged.get("audiences"), merged.get("audience_by_client"), merged.get("client_ids"))
    faults |= {(name,): message for name, message in _faults_of_reach(*reach)}
    try:
        issuer = Issuer.model_validate(merged)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            if fault["loc"] or not faults:
                faults[fault["loc"]] = fault["msg"].removeprefix("Value error, ")
    if faults:
        raise IssuersFaulty(list(faults.items()))
    return issuer


def _faults_of_reach(audiences: object, audience_by_client: object, client_ids: object) -> list[tuple[str, str]]:
    """What is missing to tell tokens for this product from others."""
    if audiences:
        return []
    if not audience_by_client:
        return [("audiences", "at least 1 item is needed: what the tokens are issued for")]
    return [] if client_ids else [("client_ids", "without audiences, the accepted OAuth clients must be listed")]


def _ambiguous_prefixes(issuers: list[tuple[int, Issuer]]) -> list[tuple[_Place, str]]:
    """An opaque token is shown to one issuer only, so each needs its own prefix."""
    prefixes: dict[str, str] = {}
    faults: list[tuple[_Place, str]] = []
    for number, issuer in issuers:
        if issuer.introspection is None:
            continue
        prefix = issuer.introspection.token_prefix
        if prefix in prefixes:
            message = f"{issuer.issuer} and {prefixes[prefix]} need different prefixes, to know whom to ask"
            faults.append(((number, "introspection", "token_prefix"), message))
        prefixes[prefix] = issuer.issuer
    return faults


def _is_secure(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname is not None and is_loopback(parts.hostname)
