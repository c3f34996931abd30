"""auth_service's configuration, and what --check-config finds."""

import asyncio
import os
import sys
from base64 import b64encode
from pathlib import Path

import aioboto3
import pytest
from botocore import UNSIGNED
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_service import connections
from auth_service.app import _sts_client, check, read_table
from auth_service.settings import load
from servicekit.lifecycle import ConfigurationError
from servicekit.settings import SettingsError
from tests.kit.process import REPOSITORY
from tests.kit.tls import CertificateAuthority

POLICY = """
accounts: {prod: {account_id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/reader"}}
grants: [{groups: [ops], accounts: [prod]}]
"""
PORTAL = "https://d-1234567890.awsapps.com/start"
DB = "postgresql://cwmcp@db.example/cwmcp"
CENTER = {
    "AWS_IDENTITY_CENTER_START_URL": PORTAL,
    "AWS_IDENTITY_CENTER_REGION": "eu-central-1",
    "AUTH_CONNECT_URL": "https://mcp.example.com/connect",
    "AUTH_CONNECTIONS_KMS_KEY_ID": "1234abcd-12ab-34cd-56ef-1234567890ab",
}


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
        "preset": "generic",
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
        ({"ENABLE_AUTH": "false", "AUTH_LISTEN_ADDRESS": "0.0.0.0:1"}, "ALLOW_UNAUTHENTICATED_REMOTE"),
        ({"AUTH_ISSUER": "https://idp.example.com"}, "AUTH_ISSUER: no such setting"),
        ({"AUTH_PARTITION_PROFILES": "china,aws-cn=a,aws-eu=b"}, "aws-us-gov: china, aws-eu=b"),
        ({"AUTH_PARTITION_PROFILES": "aws-cn=a,aws-cn=b"}, "more than one profile for aws-cn"),
        ({"AUTH_CONNECTIONS_URL": "sqlite:///c.db"}, "AUTH_CONNECTIONS_URL: must be sqlite:////directory/file"),
        ({"AUTH_CONNECTIONS_URL": "postgresql://u:p@db/d"}, "AUTH_CONNECTIONS_PASSWORD_FILE"),
        ({"AUTH_CONNECTIONS_KMS_KEY_ID": "alias/a"}, "AUTH_CONNECTIONS_KMS_KEY_ID: must be keys' ids or ARNs"),
        ({"AWS_IDENTITY_CENTER_START_URL": "http://d-1.awsapps.com/start"}, "must begin with https://"),
        ({"AWS_IDENTITY_CENTER_START_URL": PORTAL}, "AWS_IDENTITY_CENTER_REGION is required"),
        (
            {"AWS_IDENTITY_CENTER_START_URL": PORTAL, "AWS_IDENTITY_CENTER_REGION": "eu-west-1"},
            "needs AUTH_CONNECTIONS_KEYS_DIR or AUTH_CONNECTIONS_KMS_KEY_ID",
        ),
        (
            {"OAUTH_ISSUER": None, "AUTH_ISSUERS_FILE": "issuers.yaml", "OAUTH_CLIENT_IDS": "librechat"},
            "OAUTH_AUDIENCE, OAUTH_CLIENT_IDS: with OAUTH_ISSUER only",
        ),
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
        ({"OAUTH_ISSUER": "http://idp.example.com"}, "OAUTH_ISSUER: .*must be https"),
        ({"OAUTH_JWKS_URL": "http://idp.example.com"}, "OAUTH_JWKS_URL: .*must be https"),
        ({"OAUTH_AUDIENCE": " , "}, "OAUTH_AUDIENCE: at least 1 item"),
        ({"OAUTH_AUDIENCE": None}, "OAUTH_AUDIENCE: at least 1 item"),
        ({"OAUTH_PRESET": "nobody"}, "OAUTH_PRESET: no such preset: nobody; there are generic, entra-v1"),
        ({"OAUTH_PRESET": "okta"}, "OAUTH_ISSUER: is not of the form https://<domain>/oauth2/"),
        ({"OAUTH_PRESET": "cognito", "OAUTH_AUDIENCE": None}, "OAUTH_CLIENT_IDS: without audiences"),
        ({"AUTH_POLICY_FILE": "nowhere.yaml"}, "cannot read nowhere.yaml"),
        ({"AUTH_SIGNING_KEYS_DIR": "nowhere"}, "nowhere holds no signing keys"),
        ({"AUTH_SEALING_KEYS_DIR": "nowhere"}, "nowhere holds no sealing keys"),
        (
            {"OAUTH_ISSUER": None, "OAUTH_AUDIENCE": None, "AUTH_ISSUERS_FILE": "nowhere.yaml"},
            "cannot read nowhere.yaml",
        ),
        ({"AUTH_PARTITION_PROFILES": "aws-cn=china,aws-us-gov=gov"}, "AUTH_PARTITION_PROFILES: .* china, gov"),
        ({**CENTER, "AUTH_CONNECTIONS_KEYS_DIR": "nowhere"}, "nowhere holds no keys of the store of connections"),
        ({**CENTER, "AUTH_CONNECTIONS_URL": "sqlite:////nowhere/deeper/c.db"}, "AUTH_CONNECTIONS_URL: /nowhere"),
        ({**CENTER, "AUTH_CONNECTIONS_PASSWORD_FILE": "nowhere", "AUTH_CONNECTIONS_URL": DB}, "nowhere cannot be read"),
        ({**CENTER, "AUTH_CONNECTIONS_CA_FILE": "nowhere", "AUTH_CONNECTIONS_URL": DB}, "nowhere is no readable auth"),
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
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem"):
        check(load())


def test_every_fault_between_settings_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, {"AUTH_POLICY_FILE": None, "OAUTH_ISSUER": None})
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).splitlines() == [
        "settings: AUTH_POLICY_FILE is required",
        "settings: set either AUTH_ISSUERS_FILE or OAUTH_ISSUER",
    ]


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    change(
        monkeypatch,
        {
            "AUTH_TLS_CERT_FILE": "nowhere.pem",
            "AUTH_SIGNING_KEYS_DIR": "nowhere",
            "AUTH_POLICY_FILE": "nowhere.yaml",
            "OAUTH_PRESET": "entra-v2",
            "OAUTH_ISSUER": "https://login.microsoftonline.com/common/v2.0",
            "OAUTH_AUDIENCE": None,
            "OAUTH_JWKS_URL": "http://idp.example.com/keys",
        },
    )
    with pytest.raises(ConfigurationError) as caught:
        check(load())
    lines = str(caught.value).splitlines()
    expected = ("nowhere.pem", "nowhere holds", "OAUTH_ISSUER", "OAUTH_AUDIENCE", "OAUTH_JWKS_URL", "nowhere.yaml")
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line


def test_a_preset_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    change(
        monkeypatch,
        {
            "OAUTH_PRESET": "cognito",
            "OAUTH_ISSUER": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "OAUTH_AUDIENCE": None,
            "OAUTH_CLIENT_IDS": "1h57kf5cpq17m0eml12EXAMPLE, other",
            "OAUTH_SCOPE_PREFIX": "https://mcp.example.com/mcp/",
        },
    )
    (issuer,) = read_table(load()).values()
    assert issuer.required_values == {"token_use": "access"}
    assert issuer.client_ids == ("1h57kf5cpq17m0eml12EXAMPLE", "other")
    assert issuer.scope_prefix == "https://mcp.example.com/mcp/"


def test_without_authentication_neither_policy_nor_issuer_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    change(
        monkeypatch,
        {"ENABLE_AUTH": "false", "AUTH_POLICY_FILE": None, "OAUTH_ISSUER": None, "OAUTH_AUDIENCE": None},
    )
    check(load())


def with_strategy(tmp_path: Path, strategy: str) -> None:
    policy = POLICY.replace("{account_id", f"{{strategy: {strategy}, account_id")
    if strategy == "token_claims":
        policy = policy.replace(', role_arn: "arn:aws:iam::111122223333:role/reader"', "")
    (tmp_path / "policy.yaml").write_text(policy)


def test_keys_out_of_tokens_are_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_strategy(tmp_path, "token_claims")
    with pytest.raises(ConfigurationError, match=r"token_claims is for development only.*: prod"):
        check(load())
    change(monkeypatch, {"AUTH_ALLOW_TOKEN_CLAIMS": "true"})
    check(load())


@pytest.mark.parametrize("strategy", ["web_identity", "token_claims"])
def test_replicas_that_share_signing_keys_must_share_sealing_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strategy: str
) -> None:
    with_strategy(tmp_path, strategy)
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "1.pem").write_bytes(
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    change(monkeypatch, {"AUTH_ALLOW_TOKEN_CLAIMS": "true"})
    check(load())
    change(monkeypatch, {"AUTH_SIGNING_KEYS_DIR": str(keys)})
    with pytest.raises(ConfigurationError, match=f"{strategy} needs AUTH_SEALING_KEYS_DIR"):
        check(load())
    (keys / "1.key").write_bytes(b64encode(b"x" * 32))
    change(monkeypatch, {"AUTH_SEALING_KEYS_DIR": str(keys)})
    check(load())


def test_the_secret_of_a_token_exchange_is_read_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "issuers.yaml").write_text(f"""
issuers:
  - issuer: https://idp.example.com
    audiences: [https://mcp.example.com/mcp]
    token_exchange:
      {{endpoint: https://idp.example.com/token, client_id: c, audience: a, client_secret_file: {tmp_path}/secret}}
""")
    change(
        monkeypatch, {"OAUTH_ISSUER": None, "OAUTH_AUDIENCE": None, "AUTH_ISSUERS_FILE": str(tmp_path / "issuers.yaml")}
    )
    with pytest.raises(ConfigurationError, match=r"https://idp\.example\.com: cannot read .*/secret"):
        check(load())
    (tmp_path / "secret").write_text("s3cret")
    check(load())


@pytest.mark.parametrize(
    ("region", "profiles", "partitions"),
    [
        ("eu-west-1", "", {"aws"}),
        ("cn-north-1", "", {"aws-cn"}),
        ("us-gov-west-1", "aws=commercial", {"aws", "aws-us-gov"}),
        ("eu-west-1", "aws-cn=china,aws-us-gov=gov", {"aws", "aws-cn", "aws-us-gov"}),
    ],
)
def test_the_service_has_an_identity_at_home_and_where_a_profile_says(
    monkeypatch: pytest.MonkeyPatch, region: str, profiles: str, partitions: set[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setenv("AUTH_PARTITION_PROFILES", profiles)
    assert load().partitions == partitions


@pytest.mark.parametrize("profiles", ["aws-iso=x", "china", "aws-cn=", "aws-cn=a b"])
def test_a_faulty_profile_of_a_partition_is_told(monkeypatch: pytest.MonkeyPatch, profiles: str) -> None:
    monkeypatch.setenv("AUTH_PARTITION_PROFILES", profiles)
    with pytest.raises(SettingsError, match=r"AUTH_PARTITION_PROFILES: not partition=profile, with one of .*: "):
        load()


def test_an_account_in_a_partition_without_an_identity_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("arn:aws:", "arn:aws-cn:"))
    with pytest.raises(ConfigurationError, match=r"AUTH_PARTITION_PROFILES names one: prod \(aws-cn\)"):
        check(load())
    monkeypatch.setenv("AUTH_PARTITION_PROFILES", "aws-cn=china")
    (tmp_path / "config").write_text("[profile china]\nregion = cn-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    check(load())


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
    ],
)
async def test_roles_are_assumed_at_the_partitions_own_sts(region: str, host: str) -> None:
    async with _sts_client(aioboto3.Session(), region, signature_version=UNSIGNED) as sts:
        assert sts.meta.endpoint_url == f"https://{host}"


def test_a_portal_with_its_store_is_a_good_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "1.key").write_bytes(b64encode(bytes(32)))
    change(monkeypatch, {**CENTER, "AUTH_CONNECTIONS_KEYS_DIR": str(keys)})
    monkeypatch.setenv("AUTH_CONNECTIONS_URL", f"sqlite:///{tmp_path}/data/connections.db")
    check(load())
    assert not (tmp_path / "data").exists()


def test_a_portal_without_the_extra_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    change(monkeypatch, CENTER)
    for name in [name for name in sys.modules if name.startswith("auth_service.connections.storage")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(connections, "storage", None, raising=False)
    monkeypatch.delattr(connections, "storage")
    monkeypatch.setitem(sys.modules, "auth_service.adapters.connection_store.engines", None)
    with pytest.raises(ConfigurationError, match="needs the extra identity-center"):
        check(load())


async def test_without_a_portal_the_service_does_not_load_what_the_store_needs() -> None:
    code = "import auth_service.app, sys; print([m for m in ('sqlalchemy', 'alembic', 'asyncpg') if m in sys.modules])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output == b"[]\n"
