"""Access portals of IAM Identity Center over their public APIs, `sso-oidc` and `sso`: nothing here is signed.

Tokens and codes travel in bodies and in a header and are in no error, log or span: botocore's errors may keep the
request, so they are never a cause of ours. Operations and their errors: AWS IAM Identity Center OIDC API reference and
Portal API reference.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from itertools import chain
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError

from auth_service.domain.access_portal import DeviceAuthorization, NotYet, PortalSessionEnded, RegistrationRefused
from auth_service.domain.connections import ClientRegistration, Portal, PortalRole, PortalTokens
from auth_service.domain.credentials import AwsCredentials
from servicekit.aws_http import UnredirectedHttpSession
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
CLIENT_NAME: Final = "cloudwatch-mcp"
_SCOPE: Final = "sso:account:access"
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_REFRESH_GRANT: Final = "refresh_token"
_NOT_YET: Final[Mapping[str, NotYet]] = {
    "AuthorizationPendingException": NotYet.PENDING,
    "SlowDownException": NotYet.SLOW_DOWN,
    "AccessDeniedException": NotYet.DENIED,
    "ExpiredTokenException": NotYet.EXPIRED,
    "InvalidGrantException": NotYet.EXPIRED,
}
_CLIENT_GONE: Final = frozenset({"InvalidClientException", "UnauthorizedClientException"})
_SESSION_GONE: Final = frozenset({"InvalidGrantException", "ExpiredTokenException", "AccessDeniedException"})
_THROTTLED: Final = frozenset({"TooManyRequestsException", "SlowDownException", "ThrottlingException", "Throttling"})
_ROLE_REFUSED: Final = ("ForbiddenException", "ResourceNotFoundException", "InvalidRequestException")
_RETRY_AFTER_S: Final = 2.0
_PAGE_ITEMS: Final = 100
_MAX_ACCOUNTS: Final = 1_000
_MAX_ROLES: Final = 5_000
_LISTS_AT_ONCE: Final = 5
_DEFAULT_INTERVAL_S: Final = 5.0  # RFC 8628, section 3.2


_Facts = Mapping[str, str]
_Meanings = Mapping[str, Callable[[_Facts], Exception]]
"""What errors of an operation mean where it matters, by AWS's code."""


class _NotAssigned(Exception):
    """The portal assigns the account to the person no more."""


class _Waiting(Exception):
    def __init__(self, reason: NotYet) -> None:
        super().__init__(reason)
        self.reason = reason


def _session_ended(_facts: _Facts) -> Exception:
    return PortalSessionEnded()


def _registration_refused(_facts: _Facts) -> Exception:
    return RegistrationRefused()


def _waiting(reason: NotYet) -> Callable[[_Facts], Exception]:
    return lambda _facts: _Waiting(reason)


def _not_assigned(_facts: _Facts) -> Exception:
    return _NotAssigned()


_WITH_TOKEN: Final[_Meanings] = {"UnauthorizedException": _session_ended}
_LISTING: Final[_Meanings] = {**_WITH_TOKEN, "ResourceNotFoundException": _not_assigned}
_WITH_CLIENT: Final[_Meanings] = dict.fromkeys(_CLIENT_GONE, _registration_refused)
_REDEEMING: Final[_Meanings] = {**_WITH_CLIENT, **{code: _waiting(reason) for code, reason in _NOT_YET.items()}}
_REFRESHING: Final[_Meanings] = dict.fromkeys(_CLIENT_GONE | _SESSION_GONE, _session_ended)


class AccessPortals:
    """The portals of one region, as connections.portal.AccessPortal has them."""

    def __init__(self, oidc: Any, sso: Any, clock: Callable[[], float] = time.time) -> None:
        """`oidc` and `sso` are open aioboto3 clients that sign nothing."""
        self._oidc = oidc
        self._sso = sso
        self._clock = clock

    async def register(self, _portal: Portal) -> ClientRegistration:
        """This product as a new public client."""
        answer = await _answer(
            self._oidc.register_client(
                clientName=CLIENT_NAME,
                clientType="public",
                scopes=[_SCOPE],
                grantTypes=[_DEVICE_GRANT, _REFRESH_GRANT],
            ),
            "sso-oidc:RegisterClient",
            {},
        )
        return ClientRegistration(answer["clientId"], answer["clientSecret"], float(answer["clientSecretExpiresAt"]))

    async def start(self, portal: Portal, registration: ClientRegistration) -> DeviceAuthorization:
        """A code to approve."""
        answer = await _answer(
            self._oidc.start_device_authorization(
                clientId=registration.client_id, clientSecret=registration.client_secret, startUrl=portal.start_url
            ),
            "sso-oidc:StartDeviceAuthorization",
            _WITH_CLIENT,
        )
        return DeviceAuthorization(
            device_code=answer["deviceCode"],
            user_code=answer["userCode"],
            verification_url=answer["verificationUriComplete"],
            interval_s=float(answer.get("interval") or _DEFAULT_INTERVAL_S),
            expires_at_s=self._clock() + answer["expiresIn"],
        )

    async def redeem(
        self, _portal: Portal, registration: ClientRegistration, device_code: str
    ) -> PortalTokens | NotYet:
        """The tokens of an approved code, or why there are none."""
        try:
            return await self._tokens(registration, _REDEEMING, grantType=_DEVICE_GRANT, deviceCode=device_code)
        except _Waiting as waiting:
            return waiting.reason

    async def refresh(self, _portal: Portal, tokens: PortalTokens) -> PortalTokens:
        """New tokens for these."""
        if not tokens.refresh_token or tokens.registration is None:
            raise PortalSessionEnded
        return await self._tokens(
            tokens.registration, _REFRESHING, grantType=_REFRESH_GRANT, refreshToken=tokens.refresh_token
        )

    async def list_roles(self, _portal: Portal, tokens: PortalTokens) -> Sequence[PortalRole]:
        """All accounts and roles that the portal assigns to the person, in order."""
        token = tokens.access_token
        accounts = [account async for account in self._items("list_accounts", "accountList", accessToken=token)]
        lanes = asyncio.Semaphore(_LISTS_AT_ONCE)

        async def roles_of(account: Mapping[str, Any]) -> list[PortalRole]:
            account_id, name = account["accountId"], account.get("accountName") or account["accountId"]
            roles = self._items("list_account_roles", "roleList", accessToken=token, accountId=account_id)
            async with lanes:
                try:
                    return [PortalRole(account_id, name, role["roleName"]) async for role in roles]
                except _NotAssigned:  # any more
                    return []

        listing = [asyncio.ensure_future(roles_of(account)) for account in accounts[:_MAX_ACCOUNTS]]
        try:
            found = list(chain.from_iterable(await asyncio.gather(*listing)))
        finally:
            for task in listing:
                task.cancel()
        if len(accounts) > _MAX_ACCOUNTS or len(found) > _MAX_ROLES:
            _log.warning("of %d accounts and their roles, %d roles are offered to the user", len(accounts), _MAX_ROLES)
        return sorted(found)[:_MAX_ROLES]

    async def role_credentials(self, _portal: Portal, tokens: PortalTokens, role: PortalRole) -> AwsCredentials:
        """Credentials of the person's permission set."""

        def refused(facts: _Facts) -> Exception:
            message = f"the access portal does not give this user the role {role.role_name} of {role.account_id}"
            return ServiceError(Reason.ROLE_REFUSED, message, details=facts)

        answer = await _answer(
            self._sso.get_role_credentials(
                accessToken=tokens.access_token, accountId=role.account_id, roleName=role.role_name
            ),
            "sso:GetRoleCredentials",
            {**_WITH_TOKEN, **dict.fromkeys(_ROLE_REFUSED, refused)},
        )
        issued = answer["roleCredentials"]
        return AwsCredentials(
            access_key_id=issued["accessKeyId"],
            secret_access_key=issued["secretAccessKey"],
            session_token=issued["sessionToken"],
            expires_at_s=issued["expiration"] / 1_000,  # in milliseconds, unlike AWS's other times
            issued_at_s=self._clock(),
        )

    async def log_out(self, portal: Portal, tokens: PortalTokens) -> None:
        """End the session at the portal, which only a live access token can: an old one is refreshed for it."""
        with suppress(PortalSessionEnded):
            if tokens.refresh_token and tokens.access_expires_at_s <= self._clock():
                tokens = await self.refresh(portal, tokens)
            await _answer(self._sso.logout(accessToken=tokens.access_token), "sso:Logout", _WITH_TOKEN)

    async def _tokens(self, registration: ClientRegistration, meanings: _Meanings, **grant: str) -> PortalTokens:
        answer = await _answer(
            self._oidc.create_token(clientId=registration.client_id, clientSecret=registration.client_secret, **grant),
            "sso-oidc:CreateToken",
            meanings,
        )
        return PortalTokens(
            access_token=answer["accessToken"],
            access_expires_at_s=self._clock() + answer["expiresIn"],
            refresh_token=answer.get("refreshToken") or "",
            registration=registration,
        )

    async def _items(self, operation: str, items: str, **parameters: str) -> AsyncIterator[Mapping[str, Any]]:
        """The items of all pages of a list."""
        page: dict[str, str] = {}
        while True:
            call = getattr(self._sso, operation)(maxResults=_PAGE_ITEMS, **parameters, **page)
            answer = await _answer(call, f"sso:{operation}", _LISTING)
            for item in answer[items]:
                yield item
            if not answer.get("nextToken"):
                return
            page = {"nextToken": answer["nextToken"]}


@asynccontextmanager
async def open_access_portals(
    region: str, *, endpoint_url: str | None = None, clock: Callable[[], float] = time.time
) -> AsyncIterator[AccessPortals]:
    """The portals of a region while open, at AWS's addresses unless another is given."""
    config = AioConfig(
        signature_version=UNSIGNED,
        connect_timeout=3,
        read_timeout=10,
        # A refresh must not be sent twice, as its token serves once; and RFC 8628 forbids polling faster than told.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=50,
        http_session_cls=UnredirectedHttpSession,
        user_agent_extra=f"cloudwatch-mcp/{version('cloudwatch-mcp')}",
    )
    session = aioboto3.Session()
    settings: dict[str, Any] = {"region_name": region, "config": config, "endpoint_url": endpoint_url}
    async with session.client("sso-oidc", **settings) as oidc, session.client("sso", **settings) as sso:
        yield AccessPortals(oidc, sso, clock)


async def _answer(call: Awaitable[dict[str, Any]], operation: str, meanings: _Meanings) -> dict[str, Any]:
    """The portal's answer. Raises what `meanings` has for an error's code, AWS_THROTTLED or AWS_UNAVAILABLE."""
    try:
        return await call
    except ClientError as error:
        failure = _failure(error, operation, meanings)
    except (BotoCoreError, TimeoutError) as error:
        message = f"the access portal cannot be reached ({type(error).__name__})"
        failure = ServiceError(Reason.AWS_UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S)
    raise failure  # here, so that no error of botocore is its context


def _failure(error: ClientError, operation: str, meanings: _Meanings) -> Exception:
    code = str(error.response["Error"].get("Code", ""))
    facts = {
        "operation": operation,
        "aws_error_code": code,
        "aws_request_id": str(error.response["ResponseMetadata"].get("RequestId", "")),
    }
    if code in meanings:
        return meanings[code](facts)
    if code in _THROTTLED:
        message = "the access portal asks to slow down"
        return ServiceError(Reason.AWS_THROTTLED, message, details=facts, retry_after_s=_RETRY_AFTER_S)
    message = f"the access portal failed ({code})"
    return ServiceError(Reason.AWS_UNAVAILABLE, message, details=facts, retry_after_s=_RETRY_AFTER_S)
