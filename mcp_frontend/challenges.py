"""What the HTTP edge says about authorization: challenges, refusals, and the protected-resource metadata.

RFC 6750 (bearer tokens), RFC 9728 (protected-resource metadata), and the MCP authorization specification. A challenge
carries an error code only when credentials were presented, and always says which scope to ask for.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from servicekit.errors import Reason, ServiceError

METADATA_PATH: Final = "/.well-known/oauth-protected-resource"
_DEFAULT_RETRY_AFTER_S: Final = 2.0


@dataclass(frozen=True)
class ProtectedResource:
    """This server as clients know it."""

    url: str
    """The address that clients are configured with; the audience of their tokens."""
    authorization_servers: Sequence[str]
    scopes: Sequence[str]

    @cached_property
    def path(self) -> str:
        """The path of the MCP endpoint, such as /mcp."""
        return urlsplit(self.url).path or "/"

    @cached_property
    def metadata_url(self) -> str:
        """Where this resource's metadata is: the well-known path inserted before the resource's own (RFC 9728, 3.1)."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{parts.path.rstrip('/')}"

    @cached_property
    def metadata(self) -> bytes:
        """The metadata document. Issuers stay as configured: clients compare them as plain text."""
        document = {
            "resource": self.url,
            "authorization_servers": list(self.authorization_servers),
            "scopes_supported": list(self.scopes),
            "bearer_methods_supported": ["header"],
            "resource_name": "CloudWatch MCP",
        }
        return json.dumps(document).encode()


def metadata_response(resource: ProtectedResource) -> Response:
    """The metadata document, readable by browsers of any origin."""
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=3600"}
    return Response(resource.metadata, media_type="application/json", headers=headers)


def sign_in_required(resource: ProtectedResource) -> Response:
    """401 for a request without credentials: where to get them, and no error code."""
    return _refusal(401, "unauthorized", "a bearer token is required", _challenge(resource, {}))


def malformed_request(resource: ProtectedResource, why: str) -> Response:
    """400 for credentials that are not sent as RFC 6750 has it."""
    challenge = _challenge(resource, {"error": "invalid_request", "error_description": why})
    return _refusal(400, "invalid_request", why, challenge)


def refused(resource: ProtectedResource, error: ServiceError) -> Response:
    """The answer to credentials that auth_service refused or could not judge."""
    match error.reason:
        case Reason.SCOPE_INSUFFICIENT:
            scope = error.details.get("scope", " ".join(resource.scopes))
            challenge = _challenge(
                resource, {"error": "insufficient_scope", "error_description": error.message}, scope=scope
            )
            return _refusal(403, "insufficient_scope", error.message, challenge)
        case Reason.EMAIL_MISMATCH:
            return malformed_request(resource, error.message)
        case reason if reason.startswith("TOKEN_"):
            challenge = _challenge(resource, {"error": "invalid_token", "error_description": error.message})
            return _refusal(401, "invalid_token", error.message, challenge)
        case _:
            return unavailable(error)


def unavailable(error: ServiceError) -> Response:
    """503: nobody can say now whether the credentials are good."""
    wait_s = math.ceil(error.retry_after_s or _DEFAULT_RETRY_AFTER_S)
    message = "the service that checks sign-ins cannot answer now; try again shortly"
    if error.reason is Reason.ISSUER_UNAVAILABLE:
        message = error.message
    return _refusal(503, "temporarily_unavailable", message, {"Retry-After": str(wait_s)})


def too_many_failures(retry_after_s: float) -> Response:
    """429: a wrong token, from an address from which too many have come. Good tokens are never answered so."""
    message = "too many wrong tokens came from this address; sign in again and wait before the next try"
    return _refusal(429, "too_many_failures", message, {"Retry-After": str(math.ceil(retry_after_s))})


def _challenge(resource: ProtectedResource, error: Mapping[str, str], scope: str | None = None) -> dict[str, str]:
    parameters = {
        **error,
        "resource_metadata": resource.metadata_url,
        "scope": " ".join(resource.scopes) if scope is None else scope,
    }
    quoted = ", ".join(f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    return {"WWW-Authenticate": f"Bearer {quoted}"}


def _quotable(value: str) -> str:
    """RFC 6750 section 3 allows printable ASCII without quote and backslash."""
    return "".join(character if " " <= character <= "~" and character not in '"\\' else "?" for character in value)


def _refusal(status: int, error: str, description: str, headers: Mapping[str, str]) -> Response:
    body = json.dumps({"error": error, "error_description": description})
    all_headers = {"Cache-Control": "no-store", **headers}
    return Response(body, status_code=status, media_type="application/json", headers=all_headers)
