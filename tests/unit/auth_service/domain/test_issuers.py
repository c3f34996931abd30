"""The table of issuers."""

from typing import Any

import pytest
from pydantic import ValidationError

from auth_service.domain.issuers import Issuer, IssuersFaulty, build_issuers
from auth_service.domain.presets import PRESETS

GOOD: dict[str, Any] = {"issuer": "https://idp.example.com", "audiences": ["https://mcp.example.com/mcp"]}


def test_the_least_entry_is_strict_where_it_matters() -> None:
    issuer = Issuer.model_validate(GOOD)
    assert not {name for name in issuer.algorithms if name[:2] not in ("RS", "ES")}
    assert set(issuer.token_types) == {"at+jwt", "application/at+jwt", "jwt", ""}
    assert issuer.leeway_s <= 60
    assert issuer.max_lifetime_s == 86_400


@pytest.mark.parametrize("name", ["HS256", "HS512", "none", "None", "Ed25519", "RS1", "dir", ""])
def test_only_signatures_by_private_keys_are_acceptable(name: str) -> None:
    with pytest.raises(ValidationError, match="not an acceptable algorithm"):
        Issuer.model_validate(GOOD | {"algorithms": ["RS256", name]})


@pytest.mark.parametrize(
    ("address", "is_secure"),
    [
        ("https://idp.example.com", True),
        ("https://idp.example.com/realms/a/", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://idp.example.com", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("https://", False),
        ("ftp://idp.example.com", False),
        ("file:///etc/passwd", False),
        ("idp.example.com", False),
    ],
)
@pytest.mark.parametrize("field", ["issuer", "jwks_url"])
def test_addresses_are_https_or_on_this_machine(field: str, address: str, is_secure: bool) -> None:
    entry = GOOD | {field: address}
    if is_secure:
        assert getattr(Issuer.model_validate(entry), field) == address
        return
    with pytest.raises(ValidationError, match="must be https"):
        Issuer.model_validate(entry)


@pytest.mark.parametrize(
    "changes",
    [
        {"audiences": []},
        {"issuer": ""},
        {"algorithms": []},
        {"token_types": []},
        {"user_id_claims": []},
        {"leeway_s": 61},
        {"leeway_s": -1},
        {"max_lifetime_s": 59},
        {"preset": "nobody"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_faulty_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Issuer.model_validate(GOOD | changes)


EXCHANGE = {"client_id": "c", "client_secret_file": "/run/secrets/exchange", "audience": "sts.amazonaws.com"}


def test_a_token_exchange_is_at_a_secure_address() -> None:
    good = GOOD | {"token_exchange": EXCHANGE | {"endpoint": "https://idp.example.com/token"}}
    assert Issuer.model_validate(good).token_exchange is not None
    with pytest.raises(ValidationError, match="must be https"):
        Issuer.model_validate(GOOD | {"token_exchange": EXCHANGE | {"endpoint": "http://idp.example.com/token"}})


def test_the_table_has_each_issuer_once() -> None:
    other = GOOD | {"issuer": "https://idp.example.com/"}
    assert set(build_issuers([GOOD, other])) == {"https://idp.example.com", "https://idp.example.com/"}
    with pytest.raises(IssuersFaulty, match="listed twice"):
        build_issuers([GOOD, other, GOOD])


def test_types_compare_without_regard_to_case() -> None:
    assert Issuer.model_validate(GOOD | {"token_types": ["AT+JWT"]}).token_types == ("at+jwt",)


TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
NAMES = {
    "generic": ("https://idp.example.com", "https://idp.example.com/tenant/", "https://idp.example.com/a/b"),
    "entra-v1": (f"https://sts.windows.net/{TENANT}/", f"https://sts.chinacloudapi.cn/{TENANT}/"),
    "entra-v2": (f"https://login.microsoftonline.com/{TENANT}/v2.0", f"https://login.microsoftonline.us/{TENANT}/v2.0"),
    "okta": ("https://acme.okta.com/oauth2/default", "https://login.acme.com/oauth2/aus9o8wzkhckw9TLa0h7"),
    "auth0": ("https://acme.eu.auth0.com/", "https://login.acme.com/"),
    "cognito": ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",),
    "keycloak": ("https://sso.example.com/realms/acme", "https://sso.example.com/auth/realms/acme"),
}
MISNAMED = {
    "entra-v1": (f"https://sts.windows.net/{TENANT}", "https://sts.windows.net/common/"),
    "entra-v2": (
        "https://login.microsoftonline.com/common/v2.0",
        "https://login.microsoftonline.com/organizations/v2.0",
        f"https://login.microsoftonline.com/{TENANT}/v2.0/",
        f"https://sts.windows.net/{TENANT}/",
    ),
    "okta": ("https://acme.okta.com", "https://acme.okta.com/oauth2/default/"),
    "auth0": ("https://acme.eu.auth0.com", "https://acme.eu.auth0.com/a/"),
    "cognito": ("https://acme.auth.eu-west-1.amazoncognito.com", "https://cognito-idp.eu-west-1.amazonaws.com/"),
    "keycloak": ("https://sso.example.com", "https://sso.example.com/realms/acme/"),
}


def faults_of(*entries: object) -> dict[str, str]:
    with pytest.raises(IssuersFaulty) as caught:
        build_issuers(entries)
    return {".".join(map(str, place)): message for place, message in caught.value.faults}


@pytest.mark.parametrize(("preset", "name"), [(preset, name) for preset, names in NAMES.items() for name in names])
def test_a_preset_needs_a_name_and_an_audience(preset: str, name: str) -> None:
    (issuer,) = build_issuers([{"preset": preset, "issuer": name, "audiences": ["a"]}]).values()
    assert issuer.issuer == name


def test_every_preset_has_names_here() -> None:
    assert set(NAMES) == set(PRESETS) == set(MISNAMED) | {"generic"}


@pytest.mark.parametrize(("preset", "name"), [(preset, name) for preset, names in MISNAMED.items() for name in names])
def test_a_name_that_the_provider_never_has_is_refused(preset: str, name: str) -> None:
    assert (
        "is not of the form https://" in faults_of({"preset": preset, "issuer": name, "audiences": ["a"]})["0.issuer"]
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_of_a_preset_can_be_overridden(preset: str) -> None:
    own: dict[str, Any] = {
        "algorithms": ("ES256",),
        "token_types": ("at+jwt",),
        "user_id_claims": ("employee",),
        "email_claims": ("mail",),
        "email_verified_claims": ("mail_ok",),
        "email_trust": "never",
        "group_claims": ("teams",),
        "scope_claims": ("rights",),
        "client_claims": ("app",),
        "client_ids": ("chat",),
        "audience_by_client": False,
        "jwks_url": "https://keys.example.com/",
        "leeway_s": 5,
        "max_lifetime_s": 3_600,
    }
    (issuer,) = build_issuers([{"preset": preset, "issuer": NAMES[preset][0], "audiences": ["a"], **own}]).values()
    assert {name: getattr(issuer, name) for name in own} == own


def test_required_values_add_to_those_of_the_preset() -> None:
    entry = {"preset": "entra-v2", "issuer": NAMES["entra-v2"][0], "audiences": ["a"]}
    (issuer,) = build_issuers([entry | {"required_values": {"acct": "0", "ver": None}}]).values()
    assert issuer.required_values == {"tid": TENANT, "acct": "0"}


def test_without_audiences_the_clients_must_be_listed() -> None:
    entry = {"preset": "cognito", "issuer": NAMES["cognito"][0]}
    assert faults_of(entry) == {"0.client_ids": "without audiences, the accepted OAuth clients must be listed"}
    assert build_issuers([entry | {"client_ids": ["chat"]}])
    assert faults_of(entry | {"preset": "generic", "client_ids": ["chat"]}).keys() == {"0.audiences"}


def test_every_fault_of_every_entry_is_told() -> None:
    assert faults_of(
        {"preset": "okta", "issuer": "https://acme.okta.com", "algorithms": ["HS256"], "leeway_s": 61},
        GOOD,
        {"preset": "nobody", "audiences": ["a"], "colour": "red"},
        "text",
        GOOD,
        GOOD | {"issuer": "https://b.example.com", "required_values": ["a"], "introspection": {"client_id": ""}},
    ).keys() == {
        "0.issuer",
        "0.audiences",
        "0.algorithms",
        "0.leeway_s",
        "2.issuer",
        "2.preset",
        "2.colour",
        "3",
        "4.issuer",
        "5.required_values",
        "5.introspection.client_id",
    }


ASKED: dict[str, Any] = {"client_id": "cloudwatch-mcp", "client_secret_file": "secret"}


def test_opaque_tokens_are_told_apart_by_their_beginnings() -> None:
    first = GOOD | {"introspection": ASKED | {"token_prefix": "a_"}}
    second = GOOD | {"issuer": "https://b.example.com", "introspection": ASKED}
    assert len(build_issuers([first, second])) == 2
    third = GOOD | {"issuer": "https://c.example.com", "introspection": ASKED}
    assert "need different prefixes" in faults_of(first, second, third)["2.introspection.token_prefix"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_secret_file": None}, "client_secret_basic needs client_secret_file"),
        ({"client_auth": "private_key_jwt"}, "private_key_jwt needs private_key_file"),
        ({"private_key_file": "key.pem"}, "client_secret_basic does not use private_key_file"),
        ({"client_auth": "none"}, "must prove who it is"),
        ({"endpoint": "http://idp.example.com/introspect"}, "must be https"),
        ({"client_secret": "s3cret"}, "Extra inputs"),
    ],
    ids=str,
)
def test_a_faulty_introspection_is_refused(changes: dict[str, Any], message: str) -> None:
    found = faults_of(GOOD | {"introspection": ASKED | changes})
    assert message in " ".join(found.values())
    assert "s3cret" not in str(found)
