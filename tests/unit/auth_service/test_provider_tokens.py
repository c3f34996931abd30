"""Access tokens shaped like each provider's, good and bad, each with the exact reason that the authenticator gives."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from auth_service.domain.presets import PRESETS
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from tests.kit.issuer import OMIT, encode, encode_raw, tamper_claims, tamper_signature
from tests.kit.issuer.tokens import overridden
from tests.kit.token_desk import EC, ED, RSA, TokenDesk
from tests.unit.auth_service.provider_tokens import EVERY_AUDIENCE, EVERY_PROVIDER, PROVIDERS, Case, Changes, Provider

MALFORMED, SIGNATURE = Reason.TOKEN_MALFORMED, Reason.TOKEN_SIGNATURE_INVALID
_KEY_OF = {"ES256": EC, "EdDSA": ED, "HS256": RSA.public_pem()}


@cache
def desk_of(name: str) -> TokenDesk:
    return TokenDesk(PROVIDERS[name].entry)


def in_its_own_words(provider: Provider, changes: Changes) -> Changes:
    """The changes with the provider's own names of claims and its audience."""
    names = {"@client": [provider.client], "@user": provider.user[:1], "@scope": [provider.scope]}
    claims = {own: value for name, value in changes.items() for own in names.get(name, [name])}
    audience = provider.entry.get("audiences", [""])[0]
    if claims.get("aud", OMIT) is not OMIT:
        claims["aud"] = json.loads(json.dumps(claims["aud"]).replace("@audience", audience))
    return claims


def signed(provider: Provider, header: Changes, claims: Changes) -> str:
    """The provider's good token with the changes, really signed by the algorithm that its header then claims."""
    all_headers = overridden(provider.header, header)
    algorithm = all_headers.get("alg", "RS256")
    key: Any = _KEY_OF.get(algorithm, RSA)
    how = algorithm if algorithm in ("RS256", "RS512", "PS256", "ES256", "EdDSA", "HS256") else "RS256"
    return encode(all_headers, overridden(provider.claims, in_its_own_words(provider, claims)), key, how)


def all_cases() -> Iterator[Any]:
    for name, provider in PROVIDERS.items():
        tables: tuple[tuple[Case, ...], ...] = (EVERY_PROVIDER, provider.cases)
        for table in (*tables, EVERY_AUDIENCE) if provider.has_audience else tables:
            for case, header, claims, reason in table:
                yield pytest.param(name, header, claims, reason, id=f"{name}: {case}")


@pytest.mark.parametrize(("name", "header", "claims", "reason"), list(all_cases()))
async def test_a_providers_token_is_accepted_or_refused_for_its_reason(
    name: str, header: Changes, claims: Changes, reason: Reason | None
) -> None:
    assert await desk_of(name).reason(signed(PROVIDERS[name], header, claims)) is reason


def rewritten(provider: Provider, change: Any) -> str:
    """The good token with its payload's text changed, well signed."""
    text = change(json.dumps(dict(provider.claims)))
    return encode_raw(json.dumps(dict(provider.header)).encode(), text.encode("utf-8", "surrogatepass"), RSA, "RS256")


# What a JSON or JWT library would not write, or would take.
FORMS: Mapping[str, tuple[Any, Reason]] = {
    "a claim twice": (lambda p: rewritten(p, lambda text: text[:-1] + ',"iss":"https://evil.example.com"}'), MALFORMED),
    "NaN": (lambda p: rewritten(p, lambda text: text[:-1] + ',"x":NaN}'), MALFORMED),
    "a lone surrogate": (lambda p: rewritten(p, lambda text: text[:-1] + ',"x":"\\ud800"}'), MALFORMED),
    "deep nesting": (lambda p: rewritten(p, lambda t: t[:-1] + ',"x":' + "[" * 2_000 + "]" * 2_000 + "}"), MALFORMED),
    "payload is a list": (lambda p: rewritten(p, lambda text: f"[{text}]"), MALFORMED),
    "padding after the signature": (lambda p: signed(p, {}, {}) + "==", MALFORMED),
    "four parts": (lambda p: signed(p, {}, {}) + ".AAAA", MALFORMED),
    "no signature": (lambda p: signed(p, {}, {}).rpartition(".")[0] + ".", MALFORMED),
    "longer than 16 KiB": (lambda p: signed(p, {}, {"padding": "x" * 17_000}), MALFORMED),
    "claims changed": (lambda p: tamper_claims(signed(p, {}, {}), extra=1), SIGNATURE),
    "signature changed": (lambda p: tamper_signature(signed(p, {}, {})), SIGNATURE),
}


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(("make", "reason"), FORMS.values(), ids=FORMS.keys())
async def test_a_providers_token_in_a_form_that_it_never_has(name: str, make: Any, reason: Reason) -> None:
    assert await desk_of(name).reason(make(PROVIDERS[name])) is reason


def test_the_corpus_is_of_every_preset_and_large() -> None:
    assert {provider.entry.get("preset", "generic") for provider in PROVIDERS.values()} == set(PRESETS)
    assert len(list(all_cases())) + len(FORMS) * len(PROVIDERS) > 500


async def principal_of(name: str, claims: Changes | None = None, **settings: Any) -> Principal:
    provider = PROVIDERS[name]
    desk = TokenDesk({**provider.entry, **settings})
    return (await desk.authenticator.authenticate(signed(provider, {}, claims or {}), "")).principal


@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_user_is_the_providers_own_id_and_never_an_email(name: str) -> None:
    principal = await principal_of(name)
    provider = PROVIDERS[name]
    assert principal.subject == provider.subject
    assert principal.user_id == derive_user_id(provider.entry["issuer"], provider.subject)
    assert "aws:cloudwatch" in principal.scopes


@pytest.mark.parametrize(
    ("name", "claims", "settings", "email"),
    [
        ("generic", {}, {}, "Alice@Example.com"),
        ("generic", {"email_verified": OMIT}, {}, ""),
        ("generic", {"email_verified": False}, {}, ""),
        ("generic", {"email_verified": OMIT}, {"email_trust": "always"}, "Alice@Example.com"),
        ("generic", {}, {"email_trust": "never"}, ""),
        ("keycloak", {}, {}, "alice@example.com"),
        ("keycloak", {"email_verified": False}, {}, ""),
        ("entra-v1", {}, {}, ""),
        ("entra-v2", {}, {}, ""),
        ("entra-v2", {"email_verified": True}, {}, ""),
        ("entra-v2", {"xms_edov": True}, {}, "alice@example.com"),
        ("entra-v2", {"xms_edov": "1"}, {}, "alice@example.com"),
        ("entra-v2", {"xms_edov": False}, {}, ""),
        ("entra-v2", {"xms_edov": "0"}, {}, ""),
        ("okta", {"email": "alice@example.com"}, {}, ""),
        ("okta", {"email": "alice@example.com"}, {"email_trust": "always"}, "alice@example.com"),
        ("auth0", {"email": "alice@example.com"}, {}, ""),
        ("cognito", {"email": "alice@example.com", "email_verified": "true"}, {}, "alice@example.com"),
        ("cognito", {"email": "alice@example.com", "email_verified": "false"}, {}, ""),
    ],
)
async def test_an_email_counts_only_where_the_issuer_vouches_for_it(
    name: str, claims: Changes, settings: Mapping[str, Any], email: str
) -> None:
    assert (await principal_of(name, claims, **settings)).email == email


@pytest.mark.parametrize(
    ("name", "claims", "groups", "omitted"),
    [
        ("entra-v2", {}, ("bbbbcccc-1111-dddd-2222-eeee3333ffff",), False),
        ("entra-v2", {"groups": OMIT, "_claim_names": {"groups": "src1"}}, (), True),
        ("entra-v1", {"groups": OMIT, "hasgroups": True}, (), True),
        ("entra-v1", {"groups": OMIT, "hasgroups": "true"}, (), True),
        ("entra-v2", {"groups": OMIT, "_claim_names": {"other": "src1"}}, (), False),
        ("entra-v2", {"groups": OMIT, "_claim_names": ["groups"]}, (), False),
        ("okta", {}, ("ops",), False),
        ("auth0", {}, ("ops",), False),
        ("cognito", {}, ("ops",), False),
        ("cognito", {"cognito:groups": OMIT, "groups": ["ops"]}, (), False),
        ("keycloak", {}, ("/ops", "offline_access", "cw-ops"), False),
        ("keycloak", {"realm_access": {"roles": "one"}}, ("/ops", "one"), False),
    ],
)
async def test_the_groups_of_a_provider(name: str, claims: Changes, groups: tuple[str, ...], omitted: bool) -> None:
    principal = await principal_of(name, claims)
    assert (principal.groups, principal.groups_omitted) == (groups, omitted)


async def test_roles_take_the_place_of_groups_that_are_too_many() -> None:
    claims = {"groups": OMIT, "_claim_names": {"groups": "src1"}, "roles": ["cw-ops"]}
    principal = await principal_of("entra-v2", claims, group_claims=["roles"])
    assert (principal.groups, principal.groups_omitted) == (("cw-ops",), False)


@pytest.mark.parametrize("name", ["entra-v1", "entra-v2"])
async def test_the_same_object_id_in_another_tenant_is_another_user(name: str) -> None:
    provider = PROVIDERS[name]
    tenant, other = provider.claims["tid"], "99990000-0000-0000-0000-000000000000"
    here = await principal_of(name)
    issuer = provider.entry["issuer"].replace(tenant, other)
    there = await principal_of(name, {"iss": issuer, "tid": other}, issuer=issuer)
    assert here.user_id != there.user_id


@pytest.mark.parametrize(
    ("name", "settings", "scope"),
    [
        ("generic", {}, "aws:cloudwatch"),
        ("cognito", {}, "cloudwatch-mcp/aws:cloudwatch"),
        ("entra-v2", {"scope_request_prefix": "api://cloudwatch-mcp/"}, "api://cloudwatch-mcp/aws:cloudwatch"),
    ],
)
async def test_a_missing_scope_is_named_as_a_client_must_ask_for_it(
    name: str, settings: Mapping[str, Any], scope: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await principal_of(name, {"@scope": "other"}, **settings)
    assert caught.value.details == {"scope": scope}
