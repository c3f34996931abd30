"""The words of the HTTP edge about authorization."""

import json

import pytest

from mcp_frontend.challenges import (
    ProtectedResource,
    malformed_request,
    metadata_response,
    refused,
    sign_in_required,
)
from servicekit.errors import Reason, ServiceError

RESOURCE = ProtectedResource("https://mcp.example.com/mcp", ["https://idp.example.com/"], ["aws:cloudwatch"])
METADATA = 'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'


def test_metadata_repeats_the_configured_names_to_the_letter() -> None:
    document = json.loads(metadata_response(RESOURCE).body)
    assert document == {
        "resource": "https://mcp.example.com/mcp",
        "authorization_servers": ["https://idp.example.com/"],
        "scopes_supported": ["aws:cloudwatch"],
        "bearer_methods_supported": ["header"],
        "resource_name": "CloudWatch MCP",
    }


def test_a_resource_at_the_root_has_its_metadata_at_the_root() -> None:
    resource = ProtectedResource("https://mcp.example.com/", ["https://idp.example.com"], ["s"])
    assert resource.path == "/"
    assert resource.metadata_url == "https://mcp.example.com/.well-known/oauth-protected-resource"


def test_without_credentials_there_is_a_challenge_and_no_error_code() -> None:
    response = sign_in_required(RESOURCE)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f'Bearer {METADATA}, scope="aws:cloudwatch"'


@pytest.mark.parametrize(
    ("reason", "status", "error"),
    [
        (Reason.TOKEN_MALFORMED, 401, "invalid_token"),
        (Reason.TOKEN_ISSUER_UNKNOWN, 401, "invalid_token"),
        (Reason.TOKEN_AUDIENCE_WRONG, 401, "invalid_token"),
        (Reason.TOKEN_EXPIRED, 401, "invalid_token"),
        (Reason.TOKEN_SIGNATURE_INVALID, 401, "invalid_token"),
        (Reason.TOKEN_CLAIMS_REFUSED, 401, "invalid_token"),
        (Reason.SCOPE_INSUFFICIENT, 403, "insufficient_scope"),
        (Reason.EMAIL_MISMATCH, 400, "invalid_request"),
    ],
)
def test_each_refusal_has_its_status_and_says_why(reason: Reason, status: int, error: str) -> None:
    response = refused(RESOURCE, ServiceError(reason, "because of this"))
    assert response.status_code == status
    assert json.loads(response.body) == {"error": error, "error_description": "because of this"}
    challenge = response.headers["www-authenticate"]
    assert f'error="{error}"' in challenge and 'error_description="because of this"' in challenge
    assert METADATA in challenge and 'scope="aws:cloudwatch"' in challenge


@pytest.mark.parametrize(
    "reason", [Reason.ISSUER_UNAVAILABLE, Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.INTERNAL]
)
def test_when_nobody_can_tell_it_is_503_with_a_time_to_come_back(reason: Reason) -> None:
    response = refused(RESOURCE, ServiceError(reason, "details of the inside", retry_after_s=1.2))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert "www-authenticate" not in response.headers
    if reason is not Reason.ISSUER_UNAVAILABLE:
        assert b"inside" not in response.body


def test_a_scope_challenge_names_all_that_is_needed() -> None:
    error = ServiceError(Reason.SCOPE_INSUFFICIENT, "lacks", details={"scope": "aws:cloudwatch aws:more"})
    assert 'scope="aws:cloudwatch aws:more"' in refused(RESOURCE, error).headers["www-authenticate"]


def test_nothing_can_break_out_of_a_quoted_parameter() -> None:
    challenge = malformed_request(RESOURCE, 'x", error="none\\ \r\nSet-Cookie: zoë').headers["www-authenticate"]
    assert 'error_description="x?, error=?none? ??Set-Cookie: zo?"' in challenge
