"""An OIDC issuer on a loopback port whose every answer a test decides: keys, outages, hangs, odd documents.

No login, no authorization endpoint: `mint` hands out tokens. Introspection knows the tokens in `opaque_tokens`; the
token endpoint exchanges good tokens (RFC 8693).

    async with Issuer() as issuer:
        token = issuer.mint({"sub": "bob-id"})
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote_plus

import jwt
from aiohttp import web

from tests.kit.gate import Gate
from tests.kit.issuer.keys import SigningKey, rsa_key
from tests.kit.issuer.tokens import default_claims, encode, overridden

JWKS: Final = "/jwks"
OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
OAUTH_METADATA: Final = "/.well-known/oauth-authorization-server"
INTROSPECTION: Final = "/introspect"
TOKEN: Final = "/token"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_SHOWN: Final = (
    "grant_type",
    "subject_token_type",
    "requested_token_type",
    "audience",
    "resource",
    "scope",
    "client_id",
)


@dataclass(frozen=True, slots=True)
class Document:
    """An odd answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class Issuer:
    """Mints tokens and serves what is needed to verify them. `url` is the `iss` of its tokens."""

    def __init__(
        self,
        *,
        audience: str = "http://127.0.0.1:3334/mcp",
        keys: Sequence[SigningKey] = (),
        client_credentials: tuple[str, str] = ("auth-service", "introspection-secret"),
        form_encoded_credentials: bool = False,
        port: int = 0,
    ) -> None:
        self.audience = audience
        self.keys: list[SigningKey] = list(keys) or [rsa_key()]
        self.opaque_tokens: dict[str, dict[str, Any]] = {}
        self.introspections: list[Mapping[str, str]] = []
        """The forms of introspection requests whose client was admitted."""
        self.client_key: SigningKey | None = None
        """With this key the client proves itself, instead of with its secret (RFC 7523)."""
        self.fetches: Counter[str] = Counter()
        self.exchanges: list[dict[str, str]] = []
        """The requests for an exchange, without their tokens and secrets."""
        self.exchanged_claims: dict[str, Any] = {}
        """Changes to the claims of the tokens that an exchange gives."""
        self.url = ""
        self.client_credentials = client_credentials
        self._encode = quote_plus if form_encoded_credentials else str
        self._port = port
        self._documents: dict[str, Document] = {}
        self._gates: list[tuple[str, Gate]] = []
        self._runner: web.ServerRunner | None = None

    @property
    def jwks_url(self) -> str:
        """Where the keys are."""
        return self.url + JWKS

    @property
    def introspection_url(self) -> str:
        """Where opaque tokens are looked up (RFC 7662)."""
        return self.url + INTROSPECTION

    def mint(
        self,
        claims: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        *,
        key: SigningKey | bytes | None = None,
        algorithm: str | None = None,
    ) -> str:
        """A token: alice's valid one, changed by what is given (OMIT leaves a claim out).

        `key` signs (by default the first key; bytes are an HMAC secret) by `algorithm` (by default the key's, HS256
        for bytes). The header's `alg` and `kid` follow, unless `headers` says otherwise.
        """
        signer = key or self.keys[0]
        method = algorithm or (signer.algorithm if isinstance(signer, SigningKey) else "HS256")
        kid = signer.key_id if isinstance(signer, SigningKey) else self.keys[0].key_id
        header = overridden({"typ": "at+jwt", "alg": method, "kid": kid}, headers or {})
        return encode(header, overridden(default_claims(self.url, self.audience), claims or {}), signer, method)

    def mint_unsigned(self, claims: Mapping[str, Any] | None = None, algorithm: str = "none") -> str:
        """A token with `alg: none` (or "None", "nOnE") and no signature."""
        return self.mint(claims, algorithm=algorithm, headers={"alg": algorithm})

    def mint_confused(self, claims: Mapping[str, Any] | None = None) -> str:
        """A token signed by HS256 with the public key's PEM as the secret."""
        return self.mint(claims, key=self.keys[0].public_pem())

    def mint_oversized(self, size_bytes: int) -> str:
        """A valid token of at least this size."""
        return self.mint({"padding": "x" * size_bytes})

    def mint_opaque(self, token: str, claims: Mapping[str, Any] | None = None) -> str:
        """Make an opaque token known to introspection, with alice's claims changed by what is given."""
        active = {"active": True, "token_type": "Bearer", **default_claims(self.url, self.audience)}
        self.opaque_tokens[token] = overridden(active, claims or {})
        return token

    def rotate(self, key: SigningKey, *, keep_old: bool = False) -> None:
        """Sign with `key` from now on; the old keys are no longer published unless `keep_old`."""
        self.keys = [key, *(self.keys if keep_old else ())]

    def serve(self, path: str, document: Document) -> None:
        """Answer a path oddly from now on, until `serve_normally`."""
        self._documents[path] = document

    def serve_keys(self, *jwks: Mapping[str, Any]) -> None:
        """Publish these JWKs instead of the issuer's own, such as {"kty": "oct", "k": ...}."""
        self.serve(JWKS, Document(json.dumps({"keys": jwks}).encode()))

    def serve_huge(self, size_bytes: int, path: str = JWKS) -> None:
        """Answer with valid JSON of at least this size."""
        self.serve(path, Document(json.dumps({"keys": [], "padding": "x" * size_bytes}).encode()))

    def serve_redirect(self, location: str, path: str = JWKS) -> None:
        """Send the caller elsewhere."""
        self.serve(path, Document(status=302, headers={"Location": location}))

    def serve_unavailable(self, path: str = JWKS, status: int = 503) -> None:
        """Answer with a server error."""
        self.serve(path, Document(b'{"error":"unavailable"}', status))

    def serve_normally(self) -> None:
        """End all odd answers."""
        self._documents.clear()

    def hold(self, path: str = JWKS) -> Gate:
        """Hold fetches of a path until the gate is released; `await gate.arrivals()` waits for one."""
        gate = Gate()
        self._gates.append((path, gate))
        return gate

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": self.jwks_url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "introspection_endpoint": self.introspection_url,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "aws:cloudwatch"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self.keys}),
        }

    async def __aenter__(self) -> Self:
        await self.go_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go_down()

    async def go_up(self) -> None:
        """Listen, on the same port as before."""
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._runner = runner
        self._port = int(runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{self._port}"

    async def go_down(self) -> None:
        """Refuse connections and end those that are open; whoever is held is let go."""
        for _, gate in self._gates:
            gate.release()
        self._gates.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.fetches[request.path] += 1
        await asyncio.gather(*(gate.passage() for path, gate in self._gates if path == request.path))
        odd = self._documents.get(request.path)
        if odd is not None:
            return web.Response(body=odd.body, status=odd.status, headers=odd.headers)
        if request.path == JWKS:
            return web.json_response({"keys": [key.jwk() for key in self.keys]})
        if request.path in (OPENID_CONFIGURATION, OAUTH_METADATA):
            return web.json_response(self._metadata())
        if request.path == INTROSPECTION and request.method == "POST":
            return await self._introspect(request)
        if request.path == TOKEN and request.method == "POST":
            return await self._exchange(request)
        return web.json_response({"error": "not_found"}, status=404)

    async def _exchange(self, request: web.BaseRequest) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.exchanges.append({name: value for name, value in form.items() if name in _SHOWN})
        if not self._is_admitted(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form.get("grant_type") != _EXCHANGE:
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        subject_token = form.get("subject_token", "")
        try:
            key = {key.key_id: key for key in self.keys}[jwt.get_unverified_header(subject_token)["kid"]]
            claims = jwt.decode(subject_token, key.private.public_key(), [key.algorithm], audience=self.audience)
        except (jwt.PyJWTError, KeyError):
            return web.json_response({"error": "invalid_request"}, status=400)
        target = form.get("resource") or form.get("audience")
        new = {"sub": claims["sub"], "aud": target, "scope": form.get("scope", ""), **self.exchanged_claims}
        answer = {"access_token": self.mint(new), "issued_token_type": form.get("requested_token_type")}
        return web.json_response({**answer, "token_type": "Bearer", "expires_in": 600})

    async def _introspect(self, request: web.BaseRequest) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not self._is_admitted(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.introspections.append(form)
        return web.json_response(self.opaque_tokens.get(form.get("token", ""), {"active": False}))

    def _is_admitted(self, request: web.BaseRequest, form: Mapping[str, str]) -> bool:
        """By secret in the header or the form (RFC 6749, 2.3.1), or by a signed assertion (RFC 7523)."""
        client_id, secret = self.client_credentials
        if self.client_key is not None:
            return self._is_assertion_good(form.get("client_assertion", ""), client_id)
        pair = f"{self._encode(client_id)}:{self._encode(secret)}"
        basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        posted = form.get("client_id"), form.get("client_secret")
        return request.headers.get("Authorization") == basic or posted == self.client_credentials

    def _is_assertion_good(self, assertion: str, client_id: str) -> bool:
        key = self.client_key
        if key is None:
            return False
        required = {"require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
        try:
            claims = jwt.decode(
                assertion, key.private.public_key(), algorithms=[key.algorithm], audience=self.url, options=required
            )
        except jwt.PyJWTError:
            return False
        return bool(claims["iss"] == claims["sub"] == client_id and claims["exp"] - claims["iat"] <= 60)
