"""What is said of a token: the same verdict as the service's, a line for every check, and nothing of its content."""

import json
from typing import Any

import pytest

from auth_service.domain.policy import Policy, build_policy
from auth_service.token_explanation import Explanation, Finding, Outcome, explain
from servicekit.errors import Reason, ServiceError
from tests.kit.issuer import OMIT, tamper_signature
from tests.kit.token_desk import AUDIENCE, NOW_S, TokenDesk, token
from tests.unit.auth_service.provider_tokens import PROVIDERS, Changes, Provider
from tests.unit.auth_service.test_opaque_tokens import ANSWER, ASKED, OPAQUE
from tests.unit.auth_service.test_provider_tokens import FORMS, all_cases, desk_of, signed

POLICY = build_policy(
    {
        "accounts": {
            alias: {"account_id": number * 12, "role_arn": f"arn:aws:iam::{number * 12}:role/reader"}
            for alias, number in (("payments", "1"), ("webshop", "2"))
        },
        "grants": [
            {"groups": ["ops"], "accounts": ["payments", "webshop"], "default_account": "webshop"},
            {"emails": ["alice@example.com"], "accounts": ["payments"]},
        ],
    }
)


async def explained(desk: TokenDesk, presented: str, policy: Policy | None = POLICY) -> Explanation:
    return await explain(desk.validator, policy, presented, NOW_S, [desk.issuer.issuer])


def line(explanation: Explanation, name: str) -> Finding:
    return next(finding for finding in explanation.findings if finding.name == name)


@pytest.mark.parametrize(("name", "header", "claims", "reason"), list(all_cases()))
async def test_it_says_what_the_service_says(
    name: str, header: Changes, claims: Changes, reason: Reason | None
) -> None:
    explanation = await explained(desk_of(name), signed(PROVIDERS[name], header, claims))
    assert explanation.reason is reason
    assert explanation.outcome is (Outcome.PASSED if reason is None else Outcome.REFUSED)


@pytest.mark.parametrize(("make", "reason"), FORMS.values(), ids=FORMS.keys())
async def test_it_says_what_the_service_says_of_odd_forms(make: Any, reason: Reason) -> None:
    explanation = await explained(desk_of("generic"), make(PROVIDERS["generic"]))
    assert explanation.reason is reason


def texts_of(value: object) -> set[str]:
    match value:
        case str():
            return {value, *value.split()}
        case dict():
            return set().union(*(texts_of(item) for item in value.values()))
        case list() | tuple():
            return set().union(*(texts_of(item) for item in value))
        case _:
            return set()


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "bad", [{}, {"aud": "https://secret.example.com/a"}, {"exp": 1}, {"iss": "https://no.example"}]
)
async def test_nothing_of_the_tokens_content_is_said(name: str, bad: Changes) -> None:
    """Save what the issuers table, the policy or the settings say too, and the fixed words of claims."""
    provider = PROVIDERS[name]
    presented = signed(provider, {}, bad)
    explanation = await explained(desk_of(name), presented)
    said = explanation.as_text() + json.dumps(explanation.as_json())
    configured = json.dumps(desk_of(name).issuer.model_dump(mode="json")) + json.dumps(
        [sorted(each.grant.groups | each.grant.emails) for each in POLICY.grants]
    )
    secrets = {
        text
        for text in texts_of(dict(provider.claims)) | texts_of(dict(bad))
        if len(text) > 5 and text not in configured
    }
    assert len(secrets) > 1
    assert {text for text in secrets if text in said and text not in ("openid", "aws:cloudwatch", "account")} == set()
    assert not any(part in said for part in presented.split("."))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [10**400, -(10**400), -1, 7_258_118_400])
async def test_a_number_that_is_no_time_is_refused_like_any_other(name: str, value: int) -> None:
    explanation = await explained(TokenDesk(), token({name: value}))
    assert line(explanation, "times").outcome is Outcome.REFUSED
    assert f"{name} is a number" in line(explanation, "times").note


async def test_a_line_for_every_check_and_for_the_user() -> None:
    explanation = await explained(TokenDesk(), token())
    assert [finding.name for finding in explanation.findings] == [
        "form", "issuer", "algorithm", "type", "key id", "key", "signature", "issuer named", "times", "audience",
        "kind", "client", "user", "values", "scopes", "groups", "e-mail", "user id", "accounts",
    ]  # fmt: skip
    assert {finding.outcome for finding in explanation.findings} == {Outcome.PASSED, Outcome.TOLD}
    assert explanation.accounts == ["webshop", "payments"]
    assert line(explanation, "accounts").note == "webshop, payments; default: webshop"
    assert explanation.as_text().endswith("\nThe token is accepted.")


async def test_checks_go_on_after_one_has_failed() -> None:
    """So that an administrator sees all that is wrong at once."""
    bad = tamper_signature(token({"aud": f"{AUDIENCE}/", "exp": NOW_S - 3_600, "iat": NOW_S - 7_200, "groups": []}))
    explanation = await explained(TokenDesk(), bad)
    refused = [finding.name for finding in explanation.findings if finding.outcome is Outcome.REFUSED]
    assert refused == ["signature", "times", "audience"]
    assert explanation.reason is Reason.TOKEN_SIGNATURE_INVALID
    assert "by a slash at the end" in line(explanation, "audience").note
    assert explanation.accounts == ["payments"]


async def test_what_cannot_be_checked_is_skipped() -> None:
    explanation = await explained(TokenDesk(), "opaque")
    assert line(explanation, "form").outcome is Outcome.REFUSED
    assert {finding.outcome for finding in explanation.findings[1:]} == {Outcome.SKIPPED}
    assert (explanation.accounts, explanation.user_id) == (None, None)


async def test_that_the_issuer_is_down_is_no_refusal() -> None:
    desk = TokenDesk()
    desk.keys.failure = ServiceError(Reason.ISSUER_UNAVAILABLE, "down", retry_after_s=1.0)
    explanation = await explained(desk, token())
    assert explanation.outcome is Outcome.UNDECIDED
    assert line(explanation, "signature").note == "needs key"
    assert line(explanation, "audience").outcome is Outcome.PASSED


async def test_an_opaque_token() -> None:
    desk = TokenDesk(introspection=ASKED)
    desk.answers.active[OPAQUE] = ANSWER
    explanation = await explained(desk, OPAQUE)
    assert explanation.outcome is Outcome.PASSED
    assert "claims: aud, client_id, exp" in line(explanation, "introspection").note
    assert OPAQUE not in explanation.as_text()
    refused = await explained(desk, OPAQUE + "-2")
    assert refused.reason is Reason.TOKEN_INACTIVE


def provider(name: str) -> tuple[TokenDesk, Provider]:
    return desk_of(name), PROVIDERS[name]


@pytest.mark.parametrize(
    ("name", "header", "claims", "check", "words"),
    [
        ("entra-v2", {}, {"groups": OMIT, "_claim_names": {"groups": "src1"}}, "groups", "because they are too many"),
        ("entra-v2", {}, {}, "e-mail", "xms_edov is missing"),
        ("entra-v2", {}, {"aud": "api://cloudwatch-mcp"}, "audience", "aud is a text of 20 characters; accepted: 1111"),
        ("entra-v2", {}, {"ver": "1.0"}, "values", "ver must be 2.0, is a text of 3 characters"),
        ("cognito", {}, {"scope": "aws:cloudwatch"}, "scopes", "one ends like it: see scope_prefix"),
        ("cognito", {}, {"token_use": "id"}, "values", "token_use must be access"),
        ("auth0", {}, {"iss": "https://acme.eu.auth0.com"}, "issuer", "by a slash at the end"),
        ("okta", {}, {"scp": ["openid"]}, "scopes", "1 scopes, of those needed: none; missing: aws:cloudwatch"),
        ("keycloak", {}, {"aud": "account"}, "audience", "accepted: https://mcp.example.com/mcp"),
        ("generic", {"typ": "JWT"}, {"nonce": "n"}, "kind", "of other tokens it has: nonce"),
        ("generic", {"typ": "logout+jwt"}, {}, "type", "typ is logout+jwt; accepted: at+jwt"),
        ("generic", {"alg": "HS256"}, {}, "algorithm", "alg is a text of 5 characters; accepted: RS256"),
        (
            "generic",
            {},
            {"iat": "now", "exp": NOW_S + 60},
            "times",
            "iat is a text of 3 characters, nbf is missing, exp 60 s ahead",
        ),
        ("generic", {}, {"a\x1b[31m": 1, "b" * 65: 1}, "form", "(odd name), (odd name)"),
        ("generic", {}, {"groups": ["ops", "secret"]}, "groups", "2 in groups; the policy names of them: ops"),
    ],
)
async def test_the_words_help(name: str, header: Changes, claims: Changes, check: str, words: str) -> None:
    desk, shaped = provider(name)
    assert words in line(await explained(desk, signed(shaped, header, claims)), check).note


async def test_without_a_policy_nothing_is_said_of_accounts() -> None:
    explanation = await explained(TokenDesk(), token(), None)
    assert explanation.accounts is None
    assert explanation.as_text().endswith("The token is accepted.")


async def test_a_user_without_an_account() -> None:
    explanation = await explained(TokenDesk(), token({"groups": [], "email": OMIT}))
    assert explanation.accounts == []
    assert "may use no account" in explanation.as_text()
