"""Wrong tokens in numbers: what they cost the issuer, what they are answered, and what becomes of people."""

import asyncio
import json
import time
from typing import Any

import httpx2

from tests.e2e.conftest import Person
from tests.kit.issuer import Issuer, ec_key, tamper_signature
from tests.kit.services import Deployment

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HERE, THERE = {"X-Forwarded-For": "203.0.113.5, 192.0.2.1"}, {"X-Forwarded-For": "198.51.100.1"}


def _wrong_tokens(issuer: Issuer, deployment: Deployment, count: int) -> list[str]:
    """Tokens of every kind that a flood has."""
    right = {"sub": "mallory", "aud": deployment.mcp_url, "email": "mallory@example.com"}
    foreign, tokens = ec_key("foreign"), []
    for number in range(count // 8):
        claims = {**right, "jti": str(number)}
        tokens += [
            f"random{number}",
            f"eyJ{number}.eyJ.x",
            "one and the same",
            issuer.mint(claims, {"kid": f"unheard-of-{number}"}),
            issuer.mint(claims, key=foreign),
            issuer.mint({**claims, "iat": 1_700_000_000, "exp": 1_700_000_600 + number}),
            issuer.mint({**claims, "iss": f"https://evil-{number}.example.com"}),
            tamper_signature(issuer.mint(claims)),
        ]
    return tokens


async def _ask(http: httpx2.AsyncClient, deployment: Deployment, token: str, **headers: str) -> httpx2.Response:
    return await http.post(deployment.mcp_url, json=LIST, headers={"Authorization": f"Bearer {token}", **headers})


async def test_a_flood_costs_the_issuer_nothing_and_good_tokens_beside_it_are_served(
    deployment: Deployment, issuer: Issuer, http: httpx2.AsyncClient, alice: Person, bob: Person
) -> None:
    deployment.overrides["mcp_frontend"] = {
        "FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE": "20",
        "FRONTEND_TRUSTED_PROXIES": "127.0.0.0/8",
    }
    tokens = _wrong_tokens(issuer, deployment, 400)
    async with deployment.running():
        alice.headers = bob.headers = HERE
        assert (await alice.post(LIST)).status_code == 200
        asked_before = issuer.fetches.total()
        responses = await asyncio.gather(*(_ask(http, deployment, token, **HERE) for token in tokens))
        statuses = [response.status_code for response in responses]
        assert set(statuses) == {401, 429}
        assert statuses.count(429) > len(tokens) / 2
        (refused, *_) = [response for response in responses if response.status_code == 429]
        assert int(refused.headers["retry-after"]) > 0
        assert issuer.fetches.total() - asked_before <= 1  # one look for a key that nobody knew
        assert (await alice.post(LIST)).status_code == 200
        assert (await bob.post(LIST)).status_code == 200  # never seen before, from the same address
        assert (await _ask(http, deployment, "wrong", **THERE)).status_code == 401
        assert (await http.post(deployment.mcp_url, json=LIST, headers=HERE)).status_code == 401  # no token: no 429
        huge = await _ask(http, deployment, issuer.mint_oversized(20_000), **HERE)
        assert huge.status_code == 400
    _check_records(deployment, len(tokens))


def _check_records(deployment: Deployment, tokens: int) -> None:
    """Few records of their own, all others in sums, and not a word of any token."""
    text = "".join((deployment.directory / f"{name}.log").read_text() for name in ("auth_service", "mcp_frontend"))
    for secret in ("eyJ", "mallory", "evil-", "unheard-of", 'example.com"', "one and the same"):
        assert secret not in text, secret
    records: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if "a sign-in was refused" in line]
    single = [record for record in records if "count" not in record]
    summed = sum(record["count"] for record in records if "count" in record)
    assert len(single) <= 2 * 2 * 50  # two services, at most two periods each
    assert len(single) + summed == tokens + 1  # and the one from elsewhere
    for record in single:
        assert set(record) - {"time", "level", "logger", "message", "trace_id"} <= {
            "reason", "client_address", "issuer", "key_id_sha256"
        }  # fmt: skip
        assert record["client_address"] in ("192.0.2.1", "198.51.100.1")


async def test_nobody_forges_an_address_where_no_proxy_is_trusted(
    deployment: Deployment, issuer: Issuer, http: httpx2.AsyncClient
) -> None:
    deployment.overrides["mcp_frontend"] = {"FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE": "5"}
    async with deployment.running():
        for number in range(5):
            forged = {"X-Forwarded-For": f"192.0.2.{number}"}
            assert (await _ask(http, deployment, f"wrong{number}", **forged)).status_code == 401
        assert (await _ask(http, deployment, "wrong", **{"X-Forwarded-For": "192.0.2.99"})).status_code == 429
        good = issuer.mint({"sub": "alice", "aud": deployment.mcp_url, "exp": int(time.time()) + 600})
        assert (await _ask(http, deployment, good)).status_code == 200
