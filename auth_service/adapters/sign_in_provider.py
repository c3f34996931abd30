"""An issuer as a browser's sign-in meets it: where the browser is sent, and what its code is redeemed for.

The authorization code grant of OpenID Connect Core 1.0 (section 3.1) with PKCE (RFC 7636). It judges no token.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp

from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.adapters.issuer_documents import FAILURES, FetchFailed, address_in, discovery_document, read_json
from auth_service.domain.sign_in_settings import SignInSettings
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5.0
_FRESH_S: Final = 300.0
_RETRY_AFTER_S: Final = 5.0
_MAX_CODE_CHARACTERS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an issuer's endpoints are."""

    authorization: str
    token: str
    names_itself: bool
    """Whether its answers say whose they are (RFC 9207, section 3)."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code gave."""

    id_token: str = field(repr=False)
    scopes: tuple[str, ...] | None
    """The scopes that were granted; None where they are those asked for (RFC 6749, section 5.1)."""


class SignInProvider:
    """One issuer, for the one client that this service is there."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        issuer: str,
        settings: SignInSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads the client's secret. Raises ConfigurationError."""
        self._http = http
        self._issuer = issuer
        self._settings = settings
        self._client = ClientAuthentication(issuer, settings)
        self._clock = clock
        self._found: Endpoints | None = None
        self._found_at_s = float("-inf")

    async def endpoints(self) -> Endpoints:
        """Raises ISSUER_UNAVAILABLE."""
        if self._found is None or self._clock() - self._found_at_s > _FRESH_S:
            try:
                document = await discovery_document(self._http, self._issuer, _TIMEOUT_S)
                self._found = Endpoints(
                    address_in(document, self._issuer, "authorization_endpoint"),
                    address_in(document, self._issuer, "token_endpoint"),
                    document.get("authorization_response_iss_parameter_supported") is True,
                )
                self._found_at_s = self._clock()
            except FAILURES as error:
                _log.warning("cannot find where to sign in at %s: %s", self._issuer, str(error) or type(error).__name__)
                if self._found is None:
                    raise _unavailable() from None
        return self._found

    async def authorization_url(self, parameters: Mapping[str, str]) -> str:
        """The address to which the browser goes for a code. Raises ISSUER_UNAVAILABLE."""
        endpoint = (await self.endpoints()).authorization
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "scope": " ".join(self._settings.scopes),
            **parameters,
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def redeem(self, code: str, *, verifier: str, redirect_uri: str) -> Redeemed:
        """The ID token for a code. Raises BROWSER_SIGN_IN_REFUSED, ISSUER_UNAVAILABLE."""
        if not 0 < len(code) <= _MAX_CODE_CHARACTERS:
            raise _refused("the identity provider's answer has no proper code")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        status, answer = await self._ask(form)
        if answer.get("error") == "invalid_client" and await self._client.read_again():
            status, answer = await self._ask(form)
        if status >= 500 or status == 429:
            raise _unavailable()
        id_token, scope = answer.get("id_token"), answer.get("scope")
        if status != 200 or not isinstance(id_token, str):
            _log.warning("the token endpoint of %s refuses a code: %s", self._issuer, _described(status, answer))
            raise _refused("the identity provider does not redeem its code")
        return Redeemed(id_token, tuple(scope.split()) if isinstance(scope, str) else None)

    async def _ask(self, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        """No redirect is followed: the request has secrets in it."""
        endpoint = (await self.endpoints()).token
        headers, fields = await asyncio.to_thread(self._client.credentials)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with self._http.post(
                endpoint,
                data={**form, **fields},
                headers={"Accept": "application/json", **headers},
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return response.status, await _read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.warning("cannot redeem a code at %s: %s", endpoint, type(error).__name__)
            raise _unavailable() from None  # aiohttp's errors may keep the request


async def _read(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """The body as a JSON object, whatever the status; empty when it is none."""
    try:
        return await read_json(response, any_status=True)
    except (FetchFailed, ValueError, RecursionError):
        return {}


def _described(status: int, answer: Mapping[str, Any]) -> str:
    code = answer.get("error")
    is_plain = isinstance(code, str) and code.isidentifier() and len(code) <= 40
    return str(code) if is_plain else f"HTTP status {status}"


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, message)


def _unavailable() -> ServiceError:
    message = "the identity provider does not answer now"
    return ServiceError(Reason.ISSUER_UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S)
