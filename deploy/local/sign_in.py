"""Signs a made-up person in at the development identity provider without a browser, by the real code flow with PKCE.

Works only where `login_hint` alone signs in, which no real provider allows.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from deploy.local.loopback import http_client

# Nothing listens there: the redirect is read, not followed.
REDIRECT_URI: Final = "http://127.0.0.1/callback"
SCOPES: Final = "openid email profile aws:cloudwatch"


class SignInError(Exception):
    """The sign-in did not succeed; the message says at which step and why."""


@dataclass(frozen=True, slots=True)
class AuthorizationAnswer:
    """What the provider sent back to the client's redirect address."""

    code: str
    state: str
    issuer: str


def require_known_user(users: dict[str, Any], username: str) -> None:
    """Raises SignInError unless the running stack's own provider knows the person."""
    if not users:
        raise SignInError("the stack uses another identity provider (OAUTH_ISSUER); sign in there")
    if username not in users:
        raise SignInError(f"there is no user {username}; there are {', '.join(users)}")


async def authorize(client: httpx2.AsyncClient, authorization_url: str, username: str) -> AuthorizationAnswer:
    """Open the authorization address as that person and read the redirect. Raises SignInError."""
    url = f"{authorization_url}&{urlencode({'login_hint': username})}"
    answer = await client.get(url, follow_redirects=False)
    location = answer.headers.get("location", "")
    if not answer.has_redirect_location:
        raise SignInError(f"the identity provider did not sign {username} in (HTTP {answer.status_code})")
    if location.partition("?")[0] != REDIRECT_URI:
        raise SignInError("the identity provider sent the answer to another address than asked")
    said = dict(parse_qsl(urlsplit(location).query))
    if "error" in said:
        raise SignInError(f"the identity provider refused: {said['error']}: {said.get('error_description', '')}")
    return AuthorizationAnswer(said.get("code", ""), said.get("state", ""), said.get("iss", ""))


async def access_token(issuer: str, resource: str, username: str) -> str:
    """A token of that person for the resource. Raises SignInError, or httpx2.HTTPError when nobody answers."""
    async with http_client() as client:
        metadata = _checked(await client.get(f"{issuer}/.well-known/oauth-authorization-server"), "the metadata")
        if metadata["issuer"] != issuer:
            raise SignInError(f"the metadata is of another issuer: {metadata['issuer']}")
        client_id = await _register(client, metadata["registration_endpoint"])
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        request = _authorization_request(client_id, resource, verifier, state)
        url = f"{metadata['authorization_endpoint']}?{urlencode(request)}"
        answer = await authorize(client, url, username)
        if answer.state != state or answer.issuer != issuer:
            raise SignInError("the answer is not to the question asked (state or iss differs)")
        form = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": answer.code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
            "resource": resource,
        }
        tokens = _checked(await client.post(metadata["token_endpoint"], data=form), "the token")
    return str(tokens["access_token"])


async def _register(client: httpx2.AsyncClient, endpoint: str) -> str:
    metadata = {
        "client_name": "make token",
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    }
    return str(_checked(await client.post(endpoint, json=metadata), "the registration")["client_id"])


def _authorization_request(client_id: str, resource: str, verifier: str, state: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPES,
        "resource": resource,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _checked(answer: httpx2.Response, what: str) -> dict[str, Any]:
    """The JSON object of a successful answer. Raises SignInError."""
    if not answer.is_success:
        raise SignInError(f"{what} was refused (HTTP {answer.status_code}): {answer.text[:300]}")
    content = answer.json()
    if not isinstance(content, dict):
        raise SignInError(f"{what} is not a JSON object")
    return content
