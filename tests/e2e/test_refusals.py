"""What curl sees: each wrong request its status and words, none a 500."""

import json

import httpx2
import pytest

from tests.e2e.conftest import Person
from tests.kit.issuer import OMIT, Issuer, ec_key, tamper_signature
from tests.kit.services import Deployment

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def test_a_challenge_leads_to_the_metadata_and_the_issuer(
    deployment: Deployment, issuer: Issuer, http: httpx2.AsyncClient
) -> None:
    async with deployment.running():
        for method in ("HEAD", "GET", "POST", "DELETE"):
            response = await http.request(method, deployment.mcp_url)
            assert response.status_code == 401, method
            challenge = response.headers["www-authenticate"]
            assert "error=" not in challenge
            assert 'scope="aws:cloudwatch"' in challenge
        address = challenge.split('resource_metadata="')[1].split('"')[0]
        root = deployment.mcp_url.removesuffix("/mcp") + "/.well-known/oauth-protected-resource"
        for url in (address, root):
            document = (await http.get(url)).json()
            assert document["resource"] == deployment.mcp_url
            assert document["authorization_servers"] == [issuer.url]
            assert document["scopes_supported"] == ["aws:cloudwatch"]


async def test_every_wrong_token_has_its_status_and_reason(
    deployment: Deployment, issuer: Issuer, http: httpx2.AsyncClient, alice: Person
) -> None:
    right = {"sub": "alice-id", "aud": deployment.mcp_url}
    good = issuer.mint(right)
    cases = {
        "expired": (issuer.mint({**right, "iat": 1_700_000_000, "exp": 1_700_000_600}), 401, "expired"),
        "wrong audience": (issuer.mint({**right, "aud": "https://other.example.com"}), 401, "something else"),
        "wrong issuer": (issuer.mint({**right, "iss": "https://evil.example.com"}), 401, "issuer"),
        "alg none": (issuer.mint_unsigned(right), 401, "not a JWT"),
        "HS256 with the public key": (issuer.mint_confused(right), 401, "algorithm"),
        "unknown key": (issuer.mint(right, {"kid": "unheard-of"}), 401, "key"),
        "foreign key": (issuer.mint(right, key=ec_key("foreign")), 401, "key"),
        "tampered": (tamper_signature(good), 401, "signature"),
        "no scope": (issuer.mint({**right, "scope": "openid"}), 403, "scope"),
        "not a token": ("{{LIBRECHAT_OPENID_ACCESS_TOKEN}}", 401, "not a JWT"),
        "oversized": (issuer.mint_oversized(20_000), 400, "longer than"),
    }
    async with deployment.running():
        for name, (token, status, words) in cases.items():
            response = await http.post(deployment.mcp_url, json=LIST, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == status, (name, response.text)
            assert words in response.json()["error_description"], (name, response.text)
            assert "resource_metadata=" in response.headers["www-authenticate"], name
            assert token[:40] not in response.text
        two = [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
        response = await http.post(deployment.mcp_url, json=LIST, headers=two)
        assert response.status_code == 400
        response = await http.post(deployment.mcp_url, json=LIST, headers={"Authorization": f"Bearer {good}"})
        assert response.status_code == 200, response.text
        logs = "".join((deployment.directory / f"{name}.log").read_text() for name in ("auth_service", "mcp_frontend"))
        assert good not in logs and "eyJ" not in logs


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b'{"jsonrpc": "2.0"}', 400), (b"x" * (1 << 20) + b"x", 413)],
)
async def test_malformed_bodies_are_client_errors(
    deployment: Deployment, http: httpx2.AsyncClient, alice: Person, content: bytes, status: int
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "application/json", "Accept": "*/*"}
    async with deployment.running():
        response = await http.post(deployment.mcp_url, content=content, headers=headers)
        assert response.status_code == status, response.text
        assert (await http.get(deployment.mcp_url, headers=headers)).status_code == 405


async def test_a_claimed_email_must_be_the_tokens(deployment: Deployment, alice: Person) -> None:
    async with deployment.running():
        for email, status in (("alice@example.com", 200), ("ALICE@example.com", 200), ("bob@example.com", 400)):
            alice.headers = {"X-User-Email": email}
            assert (await alice.post(LIST)).status_code == status, email


async def test_a_user_of_too_many_groups_is_told_why_there_is_no_account(
    deployment: Deployment, alice: Person, issuer: Issuer
) -> None:
    """As Entra ID sends it: a pointer instead of the groups. The sign-in stands; the tools say what is the matter."""
    many = {"groups": OMIT, "_claim_names": {"groups": "src1"}, "aud": deployment.mcp_url}
    alice.token = issuer.mint(many)
    async with deployment.running():
        assert "in so many groups" in await alice.failure("list_accounts")
        assert "in so many groups" in await alice.failure("get_active_alarms", region="us-east-1")


async def test_foreign_hosts_and_origins_are_refused(deployment: Deployment, alice: Person) -> None:
    async with deployment.running():
        for headers, status in (({"Host": "evil.example.com"}, 421), ({"Origin": "https://evil.example.com"}, 403)):
            alice.headers = headers
            assert (await alice.post(LIST)).status_code == status


async def test_tool_arguments_and_names_that_are_wrong_are_results(deployment: Deployment, alice: Person) -> None:
    async with deployment.running():
        for tool, arguments in (
            ("no_such_tool", {}),
            ("get_active_alarms", {"max_items": "many"}),
            ("get_active_alarms", {"max_items": 0}),
            ("get_active_alarms", {"region": "xx-nowhere-1"}),
            ("get_alarm_history", {}),
            ("get_metric_data", {"namespace": "AWS/EC2", "metric_name": "X", "start_time": "yesterday"}),
        ):
            result = await alice.call(tool, **arguments)
            assert result["isError"], (tool, arguments)
            assert result["content"][0]["text"], json.dumps(result)
