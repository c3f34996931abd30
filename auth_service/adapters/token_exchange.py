"""Exchanges a user's token for one that is meant for AWS, at the issuer that made it (RFC 8693).

The token that a client presents is for this product; where the issuer offers an exchange it goes no further. Results
are kept in memory by user and target until they end, and one exchange at a time serves all who wait for the same.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeGuard

import aiohttp
from cachetools import TLRUCache

from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.adapters.issuer_documents import FAILURES, discover
from auth_service.domain.token_exchange import ACCESS_TOKEN, TokenExchangeSettings
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import ABOUT_THE_SIGN_IN, Reason, ServiceError
from servicekit.identity import Principal
from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)
_GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_TIMEOUT_S: Final = 5.0
_RETRY_AFTER_S: Final = 2.0
_MAX_BYTES: Final = 256 * 1024
_TOKENS: Final = 20_000
_LAST_MINUTE_S: Final = 60.0
_MAX_LIFE_S: Final = 86_400.0
# RFC 8693 section 2.2.2 and RFC 6749 section 5.2: what is about this token or this user, and not about our settings.
_ABOUT_THE_TOKEN: Final = frozenset({"invalid_request", "invalid_grant", "invalid_token", "access_denied"})
_BUSY: Final = frozenset({408, 425, 429})

_Key = tuple[str, tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An exchange that is under way, and the token that it is for."""

    task: "asyncio.Task[UserToken]"
    token: UserToken


class TokenExchanger:
    """The exchanges of all issuers that offer one."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        settings: Mapping[str, TokenExchangeSettings | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`settings` are by issuer, of every issuer; None where it offers no exchange."""
        self._http = http
        self._settings = settings
        self._clock = clock
        self._kept: TLRUCache[_Key, UserToken] = TLRUCache(
            _TOKENS, ttu=lambda _key, token, _now: token.expires_at_s - _LAST_MINUTE_S, timer=clock
        )
        self._endpoints: dict[str, str] = {}
        """Those that were discovered, by issuer."""
        self._exchanging: dict[_Key, _Exchange] = {}
        self._under_way: set[asyncio.Task[UserToken]] = set()

    async def exchange(self, principal: Principal, token: UserToken) -> UserToken:
        """A token of the same user for AWS; `token` itself where its issuer offers no exchange.

        Raises EXCHANGE_REFUSED, ACCOUNT_MISCONFIGURED or ISSUER_UNAVAILABLE, and ASSERTION_INVALID for an issuer that
        is no longer there: its token would go to AWS as it is.
        """
        if principal.issuer not in self._settings:
            raise ServiceError(Reason.ASSERTION_INVALID, "the token's issuer is no longer accepted here")
        settings = self._settings[principal.issuer]
        if settings is None:
            return token
        key = principal.user_id, settings.target
        while True:
            kept = self._kept.get(key)
            if kept is not None:
                return kept
            exchange = self._exchanging.get(key)
            if exchange is None:
                task = asyncio.create_task(self._ask(key, settings, principal, token))
                exchange = self._exchanging[key] = _Exchange(task, token)
                self._under_way.add(task)
                task.add_done_callback(partial(self._asked, key))
            try:
                return await asyncio.shield(exchange.task)
            except ServiceError as error:
                if exchange.token == token or error.reason not in ABOUT_THE_SIGN_IN:
                    raise  # else it was another's older token: try with this one

    def drop_users(self, user_ids: Collection[str]) -> None:
        """Forget the exchanged tokens of these users; what is under way is kept for nobody."""
        for keys in (self._kept, self._exchanging):
            for key in [key for key in keys if key[0] in user_ids]:
                keys.pop(key, None)

    async def close(self) -> None:
        """Forget everything; what is under way is abandoned."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._kept.clear()

    async def _ask(
        self, key: _Key, settings: TokenExchangeSettings, principal: Principal, token: UserToken
    ) -> UserToken:
        endpoint = settings.endpoint or await self._discover(principal.issuer)
        form, headers = await asyncio.to_thread(_request, principal.issuer, settings, token)
        status, answer = await self._post(endpoint, form, headers)
        if status != 200:
            raise _refusal(status, answer.get("error"))
        subject = principal.token_subject or token.claims.get("sub")  # an opaque token has no claims to read
        exchanged = _read(answer, settings, subject, self._clock())
        is_wanted = key in self._exchanging and self._exchanging[key].task is asyncio.current_task()
        if is_wanted and exchanged.expires_at_s > self._clock() + _LAST_MINUTE_S:
            self._kept[key] = exchanged
        return exchanged

    async def _discover(self, issuer: str) -> str:
        """The issuer's token endpoint, which is asked for once. Raises ISSUER_UNAVAILABLE."""
        known = self._endpoints.get(issuer)
        if known is None:
            try:
                known = await discover(self._http, issuer, "token_endpoint", _TIMEOUT_S)
            except FAILURES as error:
                _log.warning("cannot find the token endpoint of %s: %s", issuer, str(error) or type(error).__name__)
                raise _unavailable() from None
            self._endpoints[issuer] = known
        return known

    def _asked(self, key: _Key, task: "asyncio.Task[UserToken]") -> None:
        self._under_way.discard(task)
        if key in self._exchanging and self._exchanging[key].task is task:
            del self._exchanging[key]

    async def _post(
        self, endpoint: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """The answer of the token endpoint. No redirect is followed: the request has secrets in it."""
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with self._http.post(
                endpoint, data=form, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await _read_bounded(response)
                return response.status, body
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.warning("cannot exchange a token at %s: %s", endpoint, type(error).__name__)
            raise _unavailable() from None  # aiohttp's errors may keep the request


def _request(issuer: str, settings: TokenExchangeSettings, token: UserToken) -> tuple[dict[str, str], dict[str, str]]:
    """Form and headers of an exchange; reads the client's secret or key. Raises ACCOUNT_MISCONFIGURED."""
    form = {
        "grant_type": _GRANT_TYPE,
        "subject_token": token.text,
        "subject_token_type": ACCESS_TOKEN,
        "requested_token_type": settings.requested_type,
    }
    optional = {"audience": settings.audience, "resource": settings.resource, "scope": settings.scope}
    form |= {name: value for name, value in optional.items() if value}
    try:
        headers, fields = ClientAuthentication(issuer, settings).credentials()
    except ConfigurationError as error:
        _log.error("cannot exchange tokens of %s: %s", issuer, error)
        raise _misconfigured("the secret or key for the token exchange cannot be read") from None
    return {**form, **fields}, {"Accept": "application/json", **headers}


async def _read_bounded(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """The body as a JSON object; empty when it is none, or too long."""
    body = b""
    async for chunk in response.content.iter_chunked(16_384):
        body += chunk
        if len(body) > _MAX_BYTES:
            return {}
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _read(answer: Mapping[str, Any], settings: TokenExchangeSettings, subject: object, now_s: float) -> UserToken:
    """The new token, which must be of `subject`, the user's. What does not say when it ends is used once."""
    text = answer.get("access_token")
    if not isinstance(text, str) or not text:
        raise _misconfigured("the issuer's answer to a token exchange holds no token")
    claims = UserToken(text, 0.0).claims
    if not settings.other_subject and subject is not None and claims and subject != claims.get("sub"):
        raise _misconfigured("the issuer exchanged the user's token for one of another subject")
    ends_s, lifetime_s = claims.get("exp"), answer.get("expires_in")
    known_s = [ends_s] if _is_number(ends_s) else []
    known_s += [now_s + min(lifetime_s, _MAX_LIFE_S)] if _is_number(lifetime_s) else []
    return UserToken(text, min(*known_s, now_s + _MAX_LIFE_S) if known_s else now_s)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refusal(status: int, code: object) -> ServiceError:
    if status >= 500 or status in _BUSY or code == "temporarily_unavailable":
        return _unavailable()
    if code in _ABOUT_THE_TOKEN:
        return ServiceError(Reason.EXCHANGE_REFUSED, f"the issuer does not exchange the user's token ({code})")
    known = code if isinstance(code, str) and code.isidentifier() and len(code) <= 40 else f"HTTP status {status}"
    return _misconfigured(f"the issuer refuses token exchanges as they are set up here ({known})")


def _misconfigured(message: str) -> ServiceError:
    return ServiceError(Reason.ACCOUNT_MISCONFIGURED, message)


def _unavailable() -> ServiceError:
    message = "the issuer's token exchange does not answer now"
    return ServiceError(Reason.ISSUER_UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S)
