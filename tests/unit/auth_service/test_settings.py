"""auth_service's configuration, and what --check-config finds."""

import os
from pathlib import Path

import pytest

from auth_service.app import check
from auth_service.settings import load
from servicekit.lifecycle import ConfigurationError
from servicekit.settings import SettingsError
from servicekit.tls import CertificateError
from tests.kit.tls import CertificateAuthority

POLICY = """
accounts: {prod: {account_id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/reader"}}
grants: [{groups: [ops], accounts: [prod]}]
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    authority = CertificateAuthority(tmp_path)
    issued = authority.issue("auth-service")
    (tmp_path / "policy.yaml").write_text(POLICY)
    good = {
        "AUTH_LISTEN_ADDRESS": "127.0.0.1:0",
        "AUTH_TLS_CERT_FILE": str(issued.cert_file),
        "AUTH_TLS_KEY_FILE": str(issued.key_file),
        "AUTH_TLS_CA_FILE": str(authority.ca_file),
        "AUTH_POLICY_FILE": str(tmp_path / "policy.yaml"),
        "OAUTH_ISSUER": "https://idp.example.com",
        "OAUTH_AUDIENCE": "https://mcp.example.com/mcp, api://mcp",
    }
    for name, value in good.items():
        monkeypatch.setenv(name, value)


def change(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def test_the_plans_names_make_one_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_JWKS_URL", "https://idp.example.com/keys")
    settings = load()
    check(settings)
    assert settings.single_issuer() == {
        "issuer": "https://idp.example.com",
        "audiences": ["https://mcp.example.com/mcp", "api://mcp"],
        "jwks_url": "https://idp.example.com/keys",
    }


def test_only_the_callers_of_the_design_are_admitted_by_default() -> None:
    settings = load()
    assert settings.callers_authentication == ("mcp-frontend", "agent")
    assert settings.callers_signing_keys == ("cloudwatch-service",)
    assert settings.callers_credentials == ("cloudwatch-service",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AUTH_POLICY_FILE": None}, "AUTH_POLICY_FILE is required"),
        ({"OAUTH_ISSUER": None}, "set either AUTH_ISSUERS_FILE or OAUTH_ISSUER"),
        ({"AUTH_ISSUERS_FILE": "issuers.yaml"}, "set either AUTH_ISSUERS_FILE or OAUTH_ISSUER"),
        ({"OAUTH_AUDIENCE": None}, "OAUTH_ISSUER needs OAUTH_AUDIENCE"),
        ({"ENABLE_AUTH": "false", "AUTH_LISTEN_ADDRESS": "0.0.0.0:1"}, "ALLOW_UNAUTHENTICATED_REMOTE"),
        ({"AUTH_ISSUER": "https://idp.example.com"}, "AUTH_ISSUER: no such setting"),
    ],
    ids=str,
)
def test_incomplete_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], message: str
) -> None:
    change(monkeypatch, changes)
    with pytest.raises(SettingsError) as caught:
        load()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OAUTH_ISSUER": "http://idp.example.com"}, "OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_JWKS_URL: .*must be https"),
        ({"OAUTH_AUDIENCE": " , "}, "OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_JWKS_URL: .*at least 1 item"),
        ({"AUTH_POLICY_FILE": "nowhere.yaml"}, "cannot read nowhere.yaml"),
        ({"AUTH_SIGNING_KEYS_DIR": "nowhere"}, "nowhere holds no signing keys"),
        ({"OAUTH_ISSUER": None, "AUTH_ISSUERS_FILE": "nowhere.yaml"}, "cannot read nowhere.yaml"),
    ],
    ids=str,
)
def test_what_the_settings_point_to_is_checked(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], message: str
) -> None:
    change(monkeypatch, changes)
    with pytest.raises(ConfigurationError, match=message):
        check(load())


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TLS_CERT_FILE", "nowhere.pem")
    with pytest.raises(CertificateError):
        check(load())


def test_without_authentication_neither_policy_nor_issuer_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    change(
        monkeypatch,
        {"ENABLE_AUTH": "false", "AUTH_POLICY_FILE": None, "OAUTH_ISSUER": None, "OAUTH_AUDIENCE": None},
    )
    check(load())
