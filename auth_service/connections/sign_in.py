"""A browser's sign-in at the issuer: the authorization code with PKCE, from the redirect to the session.

What belongs to one sign-in travels in the browser's cookie, sealed, and serves once: state, nonce and verifier (RFC
9700, section 2.1.1; OpenID Connect Core 1.0, 3.1.3.7), the link by which the browser came, and when it began. Answers
that name their issuer must name the right one (RFC 9207).
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Protocol

from auth_service.adapters.sign_in_provider import SignInProvider
from auth_service.adapters.signatures import check_signature
from auth_service.connections import audit
from auth_service.connections.links import Links
from auth_service.connections.sessions import Sessions
from auth_service.connections.store import ConnectionStore
from auth_service.domain.access_tokens import parse
from auth_service.domain.connections import BrowserSession, ConnectLink, Owner
from auth_service.domain.id_tokens import Expected, SignedIn, check_id_token_header, read_id_token
from auth_service.domain.issuers import Issuer
from auth_service.domain.token_claims import own_scopes
from auth_service.validation import KeyFinder
from servicekit.errors import Reason, ServiceError, invalid
from servicekit.identity import Principal

_LIFETIME_S: Final = 600.0
_RANDOM_BYTES: Final = 32
_MAX_ERROR_CHARACTERS: Final = 40


class Seals(Protocol):
    """Seals what only this service may read again."""

    async def seal(self, content: bytes) -> str:
        """Raises StoreUnavailable."""
        ...

    async def open(self, text: str) -> bytes | None:
        """None for what was not sealed here. Raises StoreUnavailable."""
        ...


class EndedSignIns(Protocol):
    """Which sign-ins were ended."""

    async def ensure_known(self) -> None:
        """Raises UNAVAILABLE when some may have been unknown for too long."""
        ...

    def check(self, principal: Principal) -> None:
        """Raises TOKEN_REVOKED."""
        ...


@dataclass(frozen=True, slots=True)
class _Transaction:
    """One sign-in under way. Times are Unix seconds."""

    issuer: str
    link: str
    """The digest of the link in hexadecimal digits, or empty."""
    began_at_s: float
    state: str = field(repr=False, default_factory=lambda: secrets.token_hex(_RANDOM_BYTES))
    nonce: str = field(repr=False, default_factory=lambda: secrets.token_hex(_RANDOM_BYTES))
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_hex(_RANDOM_BYTES))

    @property
    def expires_at_s(self) -> float:
        return self.began_at_s + _LIFETIME_S

    @property
    def challenge(self) -> str:
        """RFC 7636, section 4.2."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it keeps meanwhile."""

    authorization_url: str = field(repr=False)
    transaction: str = field(repr=False)
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the issuer let the browser bring."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An issuer at which browsers sign in."""

    issuer: Issuer
    endpoint: SignInProvider
    keys: KeyFinder


class BrowserSignIn:
    """Begins and finishes sign-ins."""

    def __init__(
        self,
        store: ConnectionStore,
        seals: Seals,
        links: Links,
        sessions: Sessions,
        ended: EndedSignIns,
        providers: Mapping[str, Provider],
        *,
        redirect_uri: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`providers` are by the issuer's name, and each has a `sign_in`."""
        self._store = store
        self._seals = seals
        self._links = links
        self._sessions = sessions
        self._ended = ended
        self._providers = providers
        self._redirect_uri = redirect_uri
        self._clock = clock

    async def begin(self, ticket: str, issuer: str) -> Begun:
        """For a link, or without one at an issuer, which may be empty where there is one only.

        Raises CONNECT_LINK_REFUSED, INVALID_ARGUMENT, ISSUER_UNAVAILABLE, StoreUnavailable.
        """
        link = await self._links.find(ticket) if ticket else None
        provider = self._provider(link.owner.issuer if link else issuer)
        transaction = _Transaction(provider.issuer.issuer, link.digest.hex() if link else "", self._clock())
        url = await provider.endpoint.authorization_url(
            {
                "redirect_uri": self._redirect_uri,
                "state": transaction.state,
                "nonce": transaction.nonce,
                "code_challenge": transaction.challenge,
                "code_challenge_method": "S256",
            }
        )
        sealed = await self._seals.seal(json.dumps(asdict(transaction)).encode())
        return Begun(url, sealed, transaction.expires_at_s)

    async def finish(self, sealed: str, answer: Answer) -> tuple[str, BrowserSession]:
        """The cookie of a new session, and the session.

        Raises BROWSER_SIGN_IN_REFUSED, CONNECT_LINK_REFUSED, TOKEN_REVOKED, ISSUER_UNAVAILABLE, StoreUnavailable.
        """
        try:
            transaction = await self._take(sealed, answer)
            provider = self._provider(transaction.issuer)
            signed_in = await self._signed_in(provider, transaction, answer)
        except ServiceError as error:
            if error.reason is Reason.BROWSER_SIGN_IN_REFUSED:
                audit.refused("browser sign-in refused", None, why=error.message)
            raise
        principal = signed_in.principal
        owner = Owner.of(principal)
        await self._ended.ensure_known()
        self._ended.check(principal)
        link = await self._used(transaction, owner)
        return await self._sessions.open(signed_in, link)

    def _provider(self, issuer: str) -> Provider:
        if not issuer and len(self._providers) == 1:
            (issuer,) = self._providers
        provider = self._providers.get(issuer)
        if provider is None:
            raise invalid("issuer", f"must be one of {', '.join(self._providers)}")
        return provider

    async def _take(self, sealed: str, answer: Answer) -> _Transaction:
        """The sign-in that the browser began, which is used up by this. Raises BROWSER_SIGN_IN_REFUSED."""
        content = await self._seals.open(sealed)
        transaction = _Transaction(**json.loads(content)) if content else None
        if transaction is None or self._clock() >= transaction.expires_at_s:
            raise _refused("it took too long, or began in another browser; open the link again")
        if not hmac.compare_digest(transaction.state.encode(), answer.state.encode()):
            raise _refused("the answer is not that to this browser's sign-in")
        left_s = transaction.expires_at_s - self._clock()
        name = f"sign-in {hashlib.sha256(transaction.state.encode()).hexdigest()}"
        # Never given back: it ends after the transaction does.
        if not await self._store.acquire_lease(name, secrets.token_hex(_RANDOM_BYTES), left_s + _LIFETIME_S):
            raise _refused("its answer was used before; open the link again")
        return transaction

    async def _signed_in(self, provider: Provider, transaction: _Transaction, answer: Answer) -> SignedIn:
        """Raises BROWSER_SIGN_IN_REFUSED, ISSUER_UNAVAILABLE."""
        issuer, client = provider.issuer, provider.issuer.sign_in
        if client is None:
            raise LookupError(f"{issuer.issuer} has no sign_in")
        endpoints = await provider.endpoint.endpoints()
        if answer.issuer != issuer.issuer and (answer.issuer or endpoints.names_itself):
            raise _refused("the answer is of another identity provider")
        if answer.error:
            raise _refused(_told(answer.error))
        redeemed = await provider.endpoint.redeem(
            answer.code, verifier=transaction.verifier, redirect_uri=self._redirect_uri
        )
        try:
            token = parse(redeemed.id_token)
            check_id_token_header(token, issuer)
            check_signature(redeemed.id_token, token.algorithm, await provider.keys.find(token.key_id))
            expected = Expected(transaction.nonce, transaction.began_at_s)
            signed_in = read_id_token(token, issuer, client, expected, self._clock())
        except ServiceError as error:
            if error.reason is Reason.ISSUER_UNAVAILABLE:
                raise
            raise _refused(error.message) from error
        granted = own_scopes(issuer, redeemed.scopes or client.scopes)
        return replace(signed_in, principal=replace(signed_in.principal, scopes=granted))

    async def _used(self, transaction: _Transaction, owner: Owner) -> ConnectLink | None:
        return await self._links.use(bytes.fromhex(transaction.link), owner) if transaction.link else None


def _told(error: str) -> str:
    """What the issuer told the client (RFC 6749, section 4.1.2.1), if it looks like one of its codes."""
    is_plain = error.isidentifier() and error.isascii() and len(error) <= _MAX_ERROR_CHARACTERS
    return f"the identity provider says {error}" if is_plain else "the identity provider reports an error"


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, message)
