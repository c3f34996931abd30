"""Host and Origin."""

import pytest
from starlette.datastructures import Headers

from mcp_frontend.origins import AllowedOrigins

ALLOWED = AllowedOrigins("https://mcp.example.com/mcp", ["cloudwatch-mcp:3334"], ["https://chat.example.com"])


@pytest.mark.parametrize("host", ["mcp.example.com", "MCP.example.com", "cloudwatch-mcp:3334"])
@pytest.mark.parametrize("origin", [None, "https://mcp.example.com", "https://chat.example.com"])
def test_known_names_pass(host: str, origin: str | None) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert ALLOWED.refusal(Headers(headers)) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example.com"}, 421),
        ({"host": "mcp.example.com:443"}, 421),
        ({}, 421),
        ({"host": "mcp.example.com", "origin": "https://evil.example.com"}, 403),
        ({"host": "mcp.example.com", "origin": "http://mcp.example.com"}, 403),
        ({"host": "mcp.example.com", "origin": "null"}, 403),
    ],
)
def test_foreign_names_do_not(headers: dict[str, str], status: int) -> None:
    response = ALLOWED.refusal(Headers(headers))
    assert response is not None
    assert response.status_code == status


@pytest.mark.parametrize(
    ("second", "status"), [(("host", "mcp.example.com"), 400), (("origin", "https://evil.example.com"), 403)]
)
def test_a_second_header_does_not_slip_through_behind_a_good_one(second: tuple[str, str], status: int) -> None:
    given = [("host", "mcp.example.com"), ("origin", "https://mcp.example.com"), second]
    response = ALLOWED.refusal(Headers(raw=[(name.encode(), value.encode()) for name, value in given]))
    assert response is not None
    assert response.status_code == status
