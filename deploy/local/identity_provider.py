"""A development identity provider: OpenID Connect and OAuth 2.1 with PKCE, registration and resource indicators.

Everybody may sign in as anybody, so it serves the loopback interface only. It answers no cross-origin script: a web
page that the developer happens to visit must not be able to fetch tokens here. Everything is lost when it stops.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.local import sign_in_page
from deploy.local.authorization_requests import (
    SCOPES,
    AuthorizationRequest,
    Parameters,
    ReturnAddress,
    chosen_resource,
    read_request,
    return_address,
)
from deploy.local.grants import CODE_LIFETIME_S, REFRESH_LIFETIME_S, Grant, GrantStore
from deploy.local.loopback import require_loopback
from deploy.local.oauth_errors import OAuthError, UntrustedRedirectError
from deploy.local.people import DEVELOPMENT_USERS, User
from deploy.local.registered_clients import AUTHENTICATION_METHODS, GRANT_TYPES, Client, ClientRegistry
from deploy.local.token_signer import ALGORITHM, TokenSigner, make_key

ACCESS_TOKEN_LIFETIME_S: Final = 3600
PAGES_CLIENT_ID: Final = "cloudwatch-mcp-pages"
_MAX_BODY_BYTES: Final = 64 * 1024
_NO_STORE: Final = {"Cache-Control": "no-store"}
_FORM: Final = "application/x-www-form-urlencoded"


def create_app(
    issuer: str,
    resources: Sequence[str],
    users: Sequence[User] = DEVELOPMENT_USERS,
    clock: Callable[[], float] = time.time,
    access_token_lifetime_s: int = ACCESS_TOKEN_LIFETIME_S,
    signing_key: rsa.RSAPrivateKey | None = None,
    pages_of_connecting: str | None = None,
) -> Starlette:
    """The provider as an ASGI app; makes a signing key unless given one, which takes a moment.

    `issuer` is its own address, an origin without a path or trailing slash; `resources` are the audiences that it
    issues tokens for; `clock` gives epoch seconds. `app.state.signer` is the TokenSigner, for tests that need a token
    no sign-in would give. `pages_of_connecting` is the address of those pages, which makes them a client here. Raises
    NotLoopbackError or ValueError for an unfit issuer.
    """
    origin = urlsplit(issuer)
    require_loopback(origin.hostname or issuer)
    if f"{origin.scheme}://{origin.netloc}" != issuer:
        raise ValueError(f"the issuer must be an origin without a path or trailing slash: {issuer}")
    signer = TokenSigner(issuer, clock, access_token_lifetime_s, signing_key or make_key())
    provider = _Provider(issuer, resources, users, clock, signer)
    if pages_of_connecting is not None:
        provider.clients.add_public(PAGES_CLIENT_ID, "CloudWatch MCP", f"{pages_of_connecting}/callback")
    # Only this machine's own names, so that no foreign name resolved to loopback reaches it.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", origin.hostname or "localhost"])
    app = Starlette(routes=provider.routes(), middleware=[hosts], exception_handlers={OAuthError: _refuse})
    app.state.signer = signer
    return app


@asynccontextmanager
async def serving(app: Starlette, bound: socket.socket) -> AsyncIterator[None]:
    """Serve the app on a bound socket until the block is left. Raises NotLoopbackError for any other interface."""
    require_loopback(str(bound.getsockname()[0]))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2, lifespan="off")
    server = _Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        up = asyncio.ensure_future(server.up.wait())
        await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            raise OSError("the identity provider did not start") from task.exception()
        yield
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """Leaves signals to the program that it runs in, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Provider:
    """The endpoints."""

    def __init__(
        self,
        issuer: str,
        resources: Sequence[str],
        users: Sequence[User],
        clock: Callable[[], float],
        signer: TokenSigner,
    ) -> None:
        self._issuer = issuer
        self._resources = tuple(resources)
        self._users = tuple(users)
        self._signer = signer
        self.clients = ClientRegistry(clock)
        self._grants = GrantStore(clock, CODE_LIFETIME_S, REFRESH_LIFETIME_S)

    def routes(self) -> list[Route]:
        """Every address that is served."""
        return [
            Route("/.well-known/openid-configuration", self._metadata),
            Route("/.well-known/oauth-authorization-server", self._metadata),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize, methods=["GET", "POST"]),
            Route("/token", self._token, methods=["POST"]),
            Route("/register", self._register, methods=["POST"]),
            Route("/userinfo", self._userinfo, methods=["GET", "POST"]),
        ]

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}/authorize",
                "token_endpoint": f"{self._issuer}/token",
                "registration_endpoint": f"{self._issuer}/register",
                "userinfo_endpoint": f"{self._issuer}/userinfo",
                "jwks_uri": f"{self._issuer}/jwks",
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": list(GRANT_TYPES),
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": list(AUTHENTICATION_METHODS),
                "authorization_response_iss_parameter_supported": True,
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "claims_supported": ["sub", "email", "email_verified", "name", "preferred_username", "groups"],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(self._signer.jwks())

    async def _authorize(self, request: Request) -> Response:
        text = request.url.query if request.method == "GET" else await _body(request, _FORM)
        parameters = Parameters(parse_qsl(text, keep_blank_values=True))
        try:
            address = return_address(parameters, self.clients)
        except UntrustedRedirectError as error:
            return HTMLResponse(sign_in_page.refusal_page(str(error)), 400, sign_in_page.HEADERS)
        try:
            asked = read_request(parameters, address, self._resources)
            user = self._user(parameters.one("login_hint"))
            if user is None and "none" in asked.prompt:
                raise OAuthError("login_required", "nobody is signed in, and login_hint names nobody")
        except OAuthError as error:
            return self._send_back(address, error.as_parameters())
        if user is None:
            page = sign_in_page.sign_in_page(address.client.name, asked.scopes, parameters.pairs, self._users)
            return HTMLResponse(page, headers=sign_in_page.HEADERS)
        return self._send_back(address, {"code": self._grants.issue_code(user, asked)})

    def _send_back(self, address: ReturnAddress, parameters: dict[str, str]) -> Response:
        """To the client, with the issuer (RFC 9207) and the client's own state."""
        answer = parameters | {"iss": self._issuer} | ({"state": address.state} if address.state else {})
        separator = "&" if urlsplit(address.redirect_uri).query else "?"
        return RedirectResponse(f"{address.redirect_uri}{separator}{urlencode(answer)}", 303, _NO_STORE)

    def _user(self, hint: str) -> User | None:
        return next((user for user in self._users if hint and hint in (user.username, user.email)), None)

    async def _token(self, request: Request) -> Response:
        pairs = parse_qsl(await _body(request, _FORM), keep_blank_values=True)
        parameters = Parameters(pairs)
        form = {name: parameters.one(name) for name, _ in pairs if name != "resource"}
        client = self.clients.authenticate(form, request.headers.get("authorization"))
        grant, scopes = self._redeem(client, form)
        asked = parameters.all("resource")
        if asked and chosen_resource(asked, self._resources) != grant.request.resource:
            raise OAuthError("invalid_target", "the sign-in was for another resource")
        return JSONResponse(self._tokens(client, grant, scopes), headers=_NO_STORE)

    def _redeem(self, client: Client, form: dict[str, str]) -> tuple[Grant, tuple[str, ...]]:
        """The grant that the request proves, and the scopes that it asks for."""
        grant_type = form.get("grant_type", "")
        if grant_type not in GRANT_TYPES:
            raise OAuthError("unsupported_grant_type", f"offered are {', '.join(GRANT_TYPES)}")
        if grant_type not in client.grant_types:
            raise OAuthError("unauthorized_client", f"the client did not register for {grant_type}")
        if grant_type == "refresh_token":
            grant = self._grants.redeem_refresh_token(form.get("refresh_token", ""), client.client_id)
            return grant, _narrowed(form.get("scope", ""), grant.request)
        grant = self._grants.redeem_code(
            form.get("code", ""), client.client_id, form.get("redirect_uri", ""), form.get("code_verifier", "")
        )
        return grant, grant.request.scopes

    def _tokens(self, client: Client, grant: Grant, scopes: tuple[str, ...]) -> dict[str, Any]:
        request = grant.request
        answer: dict[str, Any] = {
            "access_token": self._signer.access_token(grant.user, client.client_id, request.resource, scopes),
            "token_type": "Bearer",
            "expires_in": self._signer.lifetime_s,
            "scope": " ".join(scopes),
        }
        if "offline_access" in request.scopes and "refresh_token" in client.grant_types:
            answer["refresh_token"] = self._grants.issue_refresh_token(grant)
        if "openid" in scopes:
            answer["id_token"] = self._signer.id_token(grant.user, client.client_id, request.nonce)
        return answer

    async def _register(self, request: Request) -> Response:
        try:
            metadata = json.loads(await _body(request, "application/json"))
        except ValueError:
            raise OAuthError("invalid_client_metadata", "the body is not JSON") from None
        if not isinstance(metadata, dict):
            raise OAuthError("invalid_client_metadata", "the body is not a JSON object")
        return JSONResponse(self.clients.register(metadata).registration(), 201, _NO_STORE)

    async def _userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims: dict[str, Any] = {}
        if scheme.lower() == "bearer":
            with suppress(jwt.InvalidTokenError):
                claims = self._signer.read_access_token(token)
        if not claims:
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        if "openid" not in claims["scope"].split():
            challenge = 'Bearer error="insufficient_scope", scope="openid"'
            return Response(status_code=403, headers={"WWW-Authenticate": challenge})
        return JSONResponse({name: claims[name] for name in ("sub", "email", "name", "groups")}, headers=_NO_STORE)


def _narrowed(scope: str, request: AuthorizationRequest) -> tuple[str, ...]:
    """The scopes of a refreshed token: those of the sign-in, or some of them."""
    wanted = tuple(scope.split()) or request.scopes
    if not set(wanted) <= set(request.scopes):
        raise OAuthError("invalid_scope", "a refresh cannot add scopes")
    return wanted


async def _body(request: Request, media_type: str) -> str:
    """The request's body. Raises OAuthError for another media type, too much, or text that is not UTF-8."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise OAuthError("invalid_request", f"the body must be {media_type}", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise OAuthError("invalid_request", "the body is too large", status=413)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the body is not UTF-8") from None


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, OAuthError):
        raise error
    challenge = {"WWW-Authenticate": 'Basic realm="token"'} if error.status == 401 else {}
    return JSONResponse(error.as_parameters(), error.status, _NO_STORE | challenge)
