"""Asks an issuer about its opaque tokens (RFC 7662), never at the pace of an attacker.

One request per token at a time; bounds on requests and on misses; an issuer that fails is left alone for a while. The
answers are not kept here: the authenticator remembers its verdicts, and errors are never remembered.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from cachetools import LRUCache

from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.adapters.introspection_budget import Breaker, IntrospectionLimits, MissBuckets, unavailable
from auth_service.adapters.issuer_documents import FAILURES, FetchFailed, discover, read_json
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
_KNOWN_TOKENS: Final = 50_000
_SLOW_DOWN: Final = (429, 503)


class _NotAdmitted(FetchFailed):
    """The issuer does not accept this service's credentials."""


class _NotUnderstood(FetchFailed):
    """The issuer calls the request bad: this service's fault, or that of this one token."""


class TokenIntrospector:
    """One issuer's word on its opaque tokens."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        issuer: str,
        endpoint: str | None,
        client: ClientAuthentication,
        *,
        limits: IntrospectionLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`endpoint` is discovered when None."""
        self._http = http
        self._issuer = issuer
        self._endpoint = endpoint
        self._client = client
        self._limits = limits or IntrospectionLimits()
        self._misses = MissBuckets(self._limits, clock)
        self._breaker = Breaker(self._limits, clock)
        self._for_strangers = asyncio.Semaphore(self._limits.concurrent)
        self._for_known = asyncio.Semaphore(self._limits.concurrent)
        # Tokens that were good once, by their SHA-256: a flood of others does not keep their owners waiting.
        self._known: LRUCache[bytes, bool] = LRUCache(_KNOWN_TOKENS)
        self._asking: dict[bytes, asyncio.Task[Mapping[str, Any]]] = {}

    async def introspect(self, token: str, source: str = "") -> Mapping[str, Any]:
        """The claims of an active token; `source` is where it came from.

        Raises TOKEN_INACTIVE, or ISSUER_UNAVAILABLE when nobody can tell.
        """
        digest = hashlib.sha256(token.encode()).digest()
        asking = self._asking.get(digest)
        if asking is None:
            asking = asyncio.create_task(self._ask(token, digest, source))
            self._asking[digest] = asking
            asking.add_done_callback(lambda done: self._asked(digest, done))
        return await asyncio.shield(asking)  # one who gives up does not end it for the others

    async def close(self) -> None:
        """End the requests that are under way."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _asked(self, digest: bytes, task: "asyncio.Task[Mapping[str, Any]]") -> None:
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever still waits gets it

    async def _ask(self, token: str, digest: bytes, source: str) -> Mapping[str, Any]:
        if digest in self._known:
            async with self._for_known:
                return await self._judge(token, digest)
        self._breaker.check()
        give_back = self._misses.take(source)
        async with self._for_strangers:
            claims = await self._judge(token, digest)
        give_back()
        return claims

    async def _judge(self, token: str, digest: bytes) -> Mapping[str, Any]:
        with self._breaker.request():
            answer = await self._request_safely(token)
        if answer.get("active") is not True:
            self._known.pop(digest, None)
            raise ServiceError(Reason.TOKEN_INACTIVE, "the sign-in provider does not, or no longer, accept the token")
        self._known[digest] = True
        return {name: value for name, value in answer.items() if name != "active"}

    async def _request_safely(self, token: str) -> Mapping[str, Any]:
        """The issuer's answer; whatever goes wrong becomes ISSUER_UNAVAILABLE and counts against it."""
        try:
            answer = await self._request(token)
        except _NotUnderstood as error:
            # Strangers could bring this about with odd tokens, so it does not end the asking about others.
            _log.warning("cannot ask %s about a token: %s", self._issuer, error)
            raise unavailable(self._limits.first_rest_s) from None
        except FAILURES as error:
            self._breaker.failed(error.ask_again_after_s if isinstance(error, FetchFailed) else 0.0)
            _log.warning("cannot ask %s about a token: %s", self._issuer, str(error) or type(error).__name__)
            raise unavailable(self._limits.first_rest_s) from None
        self._breaker.succeeded()
        return answer

    async def _request(self, token: str) -> Mapping[str, Any]:
        if self._endpoint is None:
            timeout_s = self._limits.timeout_s
            self._endpoint = await discover(self._http, self._issuer, "introspection_endpoint", timeout_s)
        try:
            return await self._post(self._endpoint, token)
        except (_NotAdmitted, _NotUnderstood):
            if not await self._client.read_again():
                raise
            return await self._post(self._endpoint, token)

    async def _post(self, endpoint: str, token: str) -> Mapping[str, Any]:
        headers, fields = self._client.credentials()
        async with self._http.post(
            endpoint,
            data={"token": token, "token_type_hint": "access_token", **fields},
            headers={"Accept": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=self._limits.timeout_s),
            allow_redirects=False,
        ) as response:
            if response.status == 400:
                raise _NotUnderstood("HTTP status 400")
            if response.status in (401, 403):
                raise _NotAdmitted(f"it refuses this service's own credentials, HTTP status {response.status}")
            if response.status in _SLOW_DOWN:
                raise _slow_down(response)
            return await read_json(response)


def _slow_down(response: aiohttp.ClientResponse) -> FetchFailed:
    """The failure of an issuer that may say how long it wants to be left alone (RFC 9110 section 10.2.3, seconds)."""
    wish = response.headers.get("Retry-After", "")
    error = FetchFailed(f"HTTP status {response.status}")
    error.ask_again_after_s = float(wish) if wish.isascii() and wish.isdigit() and len(wish) < 6 else 0.0
    return error
