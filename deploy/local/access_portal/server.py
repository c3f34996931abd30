"""The portal over HTTP: both APIs in AWS's REST-JSON, and the pages, on one loopback address."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from deploy.local.access_portal import pages
from deploy.local.access_portal.sessions import CODE_LIFETIME_S, INTERVAL_S, Assignment, PortalError, PortalState
from deploy.local.sign_in_page import HEADERS

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_MAX_PAGE_ITEMS: Final = 100


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """Credentials of a role; `expires_at_s` in Unix seconds."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at_s: float


IssueKeys = Callable[[str, Assignment], Awaitable[RoleKeys]]
"""Credentials of an assigned role for a person."""
Before = Callable[[str], Awaitable[None]]
"""Called with the operation's name before each; may wait, or raise PortalError in its place."""


async def nothing(_operation: str) -> None:
    """Let each operation take its course."""


class AccessPortalServer:
    """The portal at `url`, an origin on the loopback interface."""

    def __init__(
        self,
        url: str,
        assignments: Mapping[str, Sequence[Assignment]],
        issue: IssueKeys,
        *,
        clock: Callable[[], float] = time.time,
        before: Before = nothing,
    ) -> None:
        self.url = url
        self.state = PortalState(f"{url}/start", assignments, clock)
        self._issue = issue
        self._before = before
        operations = {
            ("POST", "/client/register", "RegisterClient"): self._register,
            ("POST", "/device_authorization", "StartDeviceAuthorization"): self._start,
            ("POST", "/token", "CreateToken"): self._create_token,
            ("GET", "/assignment/accounts", "ListAccounts"): self._list_accounts,
            ("GET", "/assignment/roles", "ListAccountRoles"): self._list_roles,
            ("GET", "/federation/credentials", "GetRoleCredentials"): self._get_credentials,
            ("POST", "/logout", "Logout"): self._log_out,
        }
        routes = [
            Route(path, self._operation(name, handler), methods=[method])
            for (method, path, name), handler in operations.items()
        ]
        routes += [
            Route("/device", self._ask, methods=["GET"]),
            Route("/device", self._decide, methods=["POST"]),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
        self.app = Starlette(routes=routes, middleware=[hosts])

    def _operation(
        self, name: str, handler: Callable[[Request], Awaitable[dict[str, Any]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = {"x-amzn-RequestId": str(uuid.uuid4()), "Cache-Control": "no-store"}
            try:
                await self._before(name)
                return JSONResponse(await handler(request), headers=headers)
            except PortalError as error:
                headers["x-amzn-ErrorType"] = error.code
                body = {"error": error.code, "error_description": error.code, "message": error.code}
                return JSONResponse(body, status_code=error.status, headers=headers)

        return answer

    async def _register(self, request: Request) -> dict[str, Any]:
        asked = await _fields(request, "clientName", "clientType")
        if asked["clientType"] != "public":
            raise PortalError("InvalidClientMetadataException")
        client_id, secret, expires_at_s = self.state.register()
        return {
            "clientId": client_id,
            "clientSecret": secret,
            "clientIdIssuedAt": int(time.time()),
            "clientSecretExpiresAt": int(expires_at_s),
        }

    async def _start(self, request: Request) -> dict[str, Any]:
        asked = await _fields(request, "clientId", "clientSecret", "startUrl")
        device_code, user_code = self.state.start(asked["clientId"], asked["clientSecret"], asked["startUrl"])
        page = f"{self.url}/device"
        return {
            "deviceCode": device_code,
            "userCode": user_code,
            "verificationUri": page,
            "verificationUriComplete": f"{page}?user_code={user_code}",
            "expiresIn": CODE_LIFETIME_S,
            "interval": INTERVAL_S,
        }

    async def _create_token(self, request: Request) -> dict[str, Any]:
        asked = await _fields(request, "clientId", "clientSecret", "grantType")
        client = asked["clientId"], asked["clientSecret"]
        match asked:
            case {"grantType": "refresh_token", "refreshToken": str(token)}:
                tokens = self.state.refresh(*client, token)
            case {"grantType": grant, "deviceCode": str(code)} if grant == _DEVICE_GRANT:
                tokens = self.state.redeem(*client, code)
            case _:
                raise PortalError("UnsupportedGrantTypeException")
        return {
            "accessToken": tokens.access_token,
            "refreshToken": tokens.refresh_token,
            "expiresIn": tokens.expires_in_s,
            "tokenType": "Bearer",
        }

    async def _list_accounts(self, request: Request) -> dict[str, Any]:
        names = {has.account_id: has.account_name for has in self.state.assigned(_bearer(request))}
        accounts = [
            {"accountId": account_id, "accountName": name, "emailAddress": f"{account_id}@example.com"}
            for account_id, name in sorted(names.items())
        ]
        return _page(request, "accountList", accounts)

    async def _list_roles(self, request: Request) -> dict[str, Any]:
        account_id = request.query_params.get("account_id", "")
        roles = [
            {"accountId": account_id, "roleName": has.role_name}
            for has in self.state.assigned(_bearer(request))
            if has.account_id == account_id
        ]
        if not roles:
            raise PortalError("ResourceNotFoundException", 404)
        return _page(request, "roleList", roles)

    async def _get_credentials(self, request: Request) -> dict[str, Any]:
        token, wanted = _bearer(request), request.query_params
        assigned = self.state.assigned(token)
        found = [has for has in assigned if has.account_id == wanted.get("account_id")]
        found = [has for has in found if has.role_name == wanted.get("role_name")]
        if not found:
            raise PortalError("ForbiddenException", 403)
        keys = await self._issue(self.state.person(token), found[0])
        return {
            "roleCredentials": {
                "accessKeyId": keys.access_key_id,
                "secretAccessKey": keys.secret_access_key,
                "sessionToken": keys.session_token,
                "expiration": int(keys.expires_at_s * 1_000),
            }
        }

    async def _log_out(self, request: Request) -> dict[str, Any]:
        self.state.log_out(_bearer(request))
        return {}

    async def _ask(self, request: Request) -> Response:
        code = request.query_params.get("user_code")
        if code is None:
            return HTMLResponse(pages.code_page(), headers=HEADERS)
        if not self.state.is_open(code):
            return HTMLResponse(pages.outcome_page(was_open=False, is_approved=False), 404, HEADERS)
        return HTMLResponse(pages.approval_page(code, self.state.assignments), headers=HEADERS)

    async def _decide(self, request: Request) -> Response:
        form = await request.form()
        person = str(form.get("person", ""))
        known = person if person in self.state.assignments else None
        was_open = self.state.decide(str(form.get("user_code", "")), known)
        page = pages.outcome_page(was_open=was_open, is_approved=known is not None)
        return HTMLResponse(page, 200 if was_open else 404, HEADERS)


async def _fields(request: Request, *needed: str) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise PortalError("InvalidRequestException") from None
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in needed):
        raise PortalError("InvalidRequestException")
    return body


def _bearer(request: Request) -> str:
    return request.headers.get("x-amz-sso_bearer_token", "")


def _page(request: Request, name: str, items: list[dict[str, str]]) -> dict[str, Any]:
    try:
        begin = int(request.query_params.get("next_token", "0"))
        count = min(int(request.query_params.get("max_result", _MAX_PAGE_ITEMS)), _MAX_PAGE_ITEMS)
    except ValueError:
        raise PortalError("InvalidRequestException") from None
    more = {"nextToken": str(begin + count)} if begin + count < len(items) else {}
    return {name: items[begin : begin + count], **more}
