"""The checks of an access token as a list of named steps: run in order here, and one by one by `token_explanation`.

Cheap steps come first; nothing reaches an issuer before the token is well-formed and of a listed issuer. An opaque
token is shown only to the one issuer whose prefix it has, and what that says of it passes the checks of a JWT's claims.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from auth_service.adapters.jwks import VerificationKey
from auth_service.adapters.signatures import check_signature
from auth_service.domain.access_tokens import (
    UnverifiedToken,
    check_algorithm,
    check_key_id,
    check_type,
    is_opaque,
    parse,
)
from auth_service.domain.issuers import Issuer
from auth_service.domain.token_claims import (
    CLAIM_CHECKS,
    Check,
    Statement,
    end_of_token_s,
    first_text,
    read_principal,
    read_scopes,
)
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import opens


class KeyFinder(Protocol):
    """The keys of one issuer."""

    async def find(self, key_id: str) -> VerificationKey:
        """The key of that id. Raises ServiceError."""
        ...


class Introspector(Protocol):
    """One issuer's word on its opaque tokens."""

    async def introspect(self, token: str, source: str) -> Mapping[str, Any]:
        """The claims of an active token; `source` is where it came from. Raises TOKEN_INACTIVE, ISSUER_UNAVAILABLE."""
        ...


@dataclass(slots=True)
class Examination:
    """A token on its way through the checks, and what they have found out."""

    token: str = field(repr=False)
    now_s: float
    source: str = ""
    """Where it came from, as `source_of` has it; empty where nobody says."""
    parsed: UnverifiedToken | None = field(default=None, repr=False)
    issuer: Issuer | None = None
    key: VerificationKey | None = None
    statement: Statement | None = None

    @property
    def known_issuer(self) -> Issuer:
        """The issuer, after the step that finds it."""
        if self.issuer is None:
            raise LookupError("the issuer is not found yet")
        return self.issuer

    @property
    def jwt(self) -> UnverifiedToken:
        """The parsed token, after the step that parses it."""
        if self.parsed is None:
            raise LookupError("the token is not parsed yet")
        return self.parsed

    @property
    def said(self) -> Statement:
        """What the token says, after the step that finds that out."""
        if self.statement is None:
            raise LookupError("what the token says is not known yet")
        return self.statement


@dataclass(frozen=True, slots=True)
class Step:
    """One check. `run` raises ServiceError when the token fails it."""

    name: str
    run: Callable[[Examination], Awaitable[None] | None]
    needs: tuple[str, ...] = ()
    """The steps without which this one has nothing to look at."""


@dataclass(frozen=True, slots=True)
class ValidToken:
    """What a token said that passed all checks."""

    principal: Principal
    ends_at_s: float
    """Unix seconds, leeway included."""
    stated_email: str
    """Its e-mail, whether or not anybody vouches for that: good for refusing, never for granting."""


class TokenValidator:
    """The checks of the listed issuers' tokens."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        keys: Mapping[str, KeyFinder],
        introspectors: Mapping[str, Introspector],
        *,
        required_scopes: Sequence[str],
    ) -> None:
        """`keys` has the names of `issuers`, `introspectors` of those that are asked; a token needs all the scopes."""
        self._issuers = issuers
        self._keys = keys
        self._introspectors = introspectors
        self.required_scopes = tuple(required_scopes)
        asked = [(issuer.introspection.token_prefix, issuer) for issuer in issuers.values() if issuer.introspection]
        self._issuers_asked = sorted(asked, key=lambda entry: len(entry[0]), reverse=True)
        self._of_jwts = (
            Step("form", _parse),
            Step("issuer", self._find_issuer, ("form",)),
            Step("algorithm", lambda at: check_algorithm(at.jwt, at.known_issuer), ("issuer",)),
            Step("type", lambda at: check_type(at.jwt, at.known_issuer), ("issuer",)),
            Step("key id", lambda at: check_key_id(at.jwt), ("form",)),
            Step("key", self._find_key, ("algorithm", "key id")),
            Step("signature", _check_signature, ("key",)),
            *self._of_what_it_says("issuer"),
        )
        self._of_opaque_tokens = (
            Step("issuer", self._find_issuer_to_ask),
            Step("introspection", self._introspect, ("issuer",)),
            *self._of_what_it_says("introspection"),
        )

    def steps(self, token: str) -> Sequence[Step]:
        """The checks of such a token, in order."""
        return self._of_opaque_tokens if self._issuers_asked and is_opaque(token) else self._of_jwts

    async def validate(self, token: str, now_s: float, source: str = "") -> ValidToken:
        """What a good token says.

        Raises ServiceError: TOKEN_*, SCOPE_INSUFFICIENT, ISSUER_UNAVAILABLE, of the first check that fails.
        """
        examination = Examination(token, now_s, source)
        for step in self.steps(token):
            outcome = step.run(examination)
            if outcome is not None:
                await outcome
        said = examination.said
        stated_email = first_text(said.claims, said.issuer.email_claims)
        return ValidToken(read_principal(said), end_of_token_s(said), stated_email)

    def _of_what_it_says(self, needed: str) -> list[Step]:
        checks = [Step(name, partial(_check_claims, check), (needed,)) for name, check in CLAIM_CHECKS.items()]
        return [*checks, Step("scopes", self._check_scopes, (needed,))]

    def _find_issuer(self, at: Examination) -> None:
        named = at.jwt.issuer
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise _unknown_issuer()
        at.issuer = issuer
        at.statement = Statement(at.jwt.claims, issuer, at.jwt.type)

    async def _find_key(self, at: Examination) -> None:
        at.key = await self._keys[at.known_issuer.issuer].find(at.jwt.key_id)

    def _find_issuer_to_ask(self, at: Examination) -> None:
        at.issuer = next((issuer for prefix, issuer in self._issuers_asked if at.token.startswith(prefix)), None)
        if at.issuer is None:
            raise _unknown_issuer()

    async def _introspect(self, at: Examination) -> None:
        claims = await self._introspectors[at.known_issuer.issuer].introspect(at.token, at.source)
        at.statement = Statement(claims, at.known_issuer, "", is_introspected=True)

    def _check_scopes(self, at: Examination) -> None:
        scopes = read_scopes(at.said)
        missing = [scope for scope in self.required_scopes if not opens(scope, scopes)]
        if missing:
            needed = " ".join(map(at.known_issuer.as_requested, self.required_scopes))
            message = f"the token lacks the scope {' '.join(missing)}"
            raise ServiceError(Reason.SCOPE_INSUFFICIENT, message, details={"scope": needed})


def _parse(at: Examination) -> None:
    at.parsed = parse(at.token)


def _check_signature(at: Examination) -> None:
    if at.key is None:
        raise LookupError("the key is not found yet")
    check_signature(at.token, at.jwt.algorithm, at.key)


def _check_claims(check: Check, at: Examination) -> None:
    check(at.said, at.now_s)


def _unknown_issuer() -> ServiceError:
    return ServiceError(Reason.TOKEN_ISSUER_UNKNOWN, "the token's issuer is not accepted here")
