"""Checks a request to the development identity provider's authorization endpoint. Pure: it signs nobody in.

The rules are those of RFC 6749 with PKCE (RFC 7636, S256 only) and resource indicators (RFC 8707).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.oauth_errors import OAuthError, UntrustedRedirectError, only_value
from deploy.local.registered_clients import Client, ClientRegistry

SCOPES: Final = ("openid", "email", "profile", "offline_access", "aws:cloudwatch")
DEFAULT_SCOPES: Final = ("aws:cloudwatch",)
_S256_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Query or form parameters, in which a name may occur more than once."""

    pairs: Sequence[tuple[str, str]]

    def one(self, name: str) -> str:
        """The parameter's value; empty when absent. Raises OAuthError when it was sent twice."""
        return only_value(name, self.all(name))

    def all(self, name: str) -> list[str]:
        """Every value of the parameter."""
        return [value for key, value in self.pairs if key == name]


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where a person's browser is sent back to, checked against the client's registration."""

    client: Client
    redirect_uri: str
    state: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a client asks a person for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    resource: str
    code_challenge: str
    nonce: str
    prompt: tuple[str, ...]


def return_address(parameters: Parameters, clients: ClientRegistry) -> ReturnAddress:
    """Who asks, and where the answer may go. Raises UntrustedRedirectError; then nobody may be redirected."""
    try:
        client_id, redirect_uri = parameters.one("client_id"), parameters.one("redirect_uri")
    except OAuthError as error:
        raise UntrustedRedirectError(error.description) from None
    client = clients.find(client_id)
    if client is None:
        raise UntrustedRedirectError(
            "client_id names no registered client. Registrations are lost when the stack restarts: register again."
        )
    if redirect_uri not in client.redirect_uris:
        raise UntrustedRedirectError("redirect_uri is not exactly one that the client registered")
    states = parameters.all("state")
    return ReturnAddress(client, redirect_uri, states[0] if len(states) == 1 else "")


def read_request(parameters: Parameters, address: ReturnAddress, resources: Sequence[str]) -> AuthorizationRequest:
    """The request, checked. Raises OAuthError, which goes to the client by redirect."""
    parameters.one("state")
    _check_response(parameters)
    return AuthorizationRequest(
        client_id=address.client.client_id,
        redirect_uri=address.redirect_uri,
        scopes=_scopes(parameters.one("scope")),
        resource=chosen_resource(parameters.all("resource"), resources),
        code_challenge=_challenge(parameters),
        nonce=parameters.one("nonce"),
        prompt=tuple(parameters.one("prompt").split()),
    )


def chosen_resource(asked: Sequence[str], resources: Sequence[str]) -> str:
    """The resource that a token will be for; the only one when none is asked for. Raises OAuthError invalid_target."""
    if not asked and len(resources) == 1:
        return resources[0]
    if len(asked) != 1:
        raise OAuthError("invalid_target", "name exactly one resource")
    if asked[0] not in resources:
        raise OAuthError("invalid_target", "the resource is not one that this provider issues tokens for")
    return asked[0]


def _check_response(parameters: Parameters) -> None:
    response_type = parameters.one("response_type")
    if not response_type:
        raise OAuthError("invalid_request", "response_type is missing")
    if response_type != "code":
        raise OAuthError("unsupported_response_type", "only the response type code is offered")
    if parameters.one("response_mode") not in ("", "query"):
        raise OAuthError("invalid_request", "only the response mode query is offered")


def _challenge(parameters: Parameters) -> str:
    challenge, method = parameters.one("code_challenge"), parameters.one("code_challenge_method")
    if not challenge:
        raise OAuthError("invalid_request", "PKCE is required: code_challenge is missing")
    if method != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    if not _S256_CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge is not an S256 challenge")
    return challenge


def _scopes(text: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(text.split())) or DEFAULT_SCOPES
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise OAuthError("invalid_scope", f"offered are {' '.join(SCOPES)}")
    return wanted
