"""A client of the development identity provider, driven over ASGI in the test's own process."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt

ISSUER = "http://127.0.0.1:7003"
RESOURCE = "http://127.0.0.1:3334/mcp"
REDIRECT = "http://127.0.0.1:9999/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Browser:
    """A registered client together with the person's browser."""

    http: httpx2.AsyncClient
    client: dict[str, Any] = field(default_factory=dict)

    async def register(self, **metadata: object) -> "Browser":
        wanted = {
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        answer = await self.http.post("/register", json=wanted | metadata)
        assert answer.status_code == 201, answer.text
        self.client = answer.json()
        return self

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorization request; None leaves one out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "scope": "openid aws:cloudwatch offline_access",
            "resource": RESOURCE,
            "state": "s-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "login_hint": "alice",
        }
        return {name: value for name, value in (parameters | changes).items() if value is not None}

    async def authorize(self, **changes: str | None) -> dict[str, str]:
        """What the redirect says."""
        answer = await self.http.get("/authorize", params=self.request(**changes))
        assert answer.status_code == 303, answer.text
        location = answer.headers["location"]
        assert location.startswith(f"{REDIRECT}?")
        return dict(parse_qsl(urlsplit(location).query))

    async def token(self, form: Mapping[str, str | None], headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """The token endpoint's answer; None leaves a field out."""
        fields: dict[str, str | None] = {"client_id": self.client["client_id"]}
        sent = {name: value for name, value in (fields | dict(form)).items() if value is not None}
        return await self.http.post("/token", data=sent, headers=headers)

    async def redeem(
        self, code: str, headers: Mapping[str, str] | None = None, **changes: str | None
    ) -> httpx2.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        return await self.token(form | changes, headers)

    async def refresh(self, refresh_token: str, **changes: str | None) -> httpx2.Response:
        return await self.token({"grant_type": "refresh_token", "refresh_token": refresh_token} | changes)

    async def sign_in(self, **changes: str | None) -> dict[str, Any]:
        answer = await self.redeem((await self.authorize(**changes))["code"])
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def claims(self, token: str, audience: str = RESOURCE) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict((await self.http.get("/jwks")).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        # The provider's clock is the test's, so times are not judged here.
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False},
        )
