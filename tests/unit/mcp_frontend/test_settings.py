"""mcp_frontend's configuration."""

import pytest

from mcp_frontend.settings import load
from servicekit.settings import SettingsError

REQUIRED = {
    "FRONTEND_AUTH_TARGET": "127.0.0.1:50051",
    "FRONTEND_CLOUDWATCH_TARGET": "127.0.0.1:50052",
    "FRONTEND_TLS_CERT_FILE": "f.pem",
    "FRONTEND_TLS_KEY_FILE": "f.key",
    "FRONTEND_TLS_CA_FILE": "ca.pem",
    "OAUTH_ISSUER": "https://idp.example.com/",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_required_is_enough() -> None:
    settings = load()
    assert (settings.listener.host, settings.listener.port) == ("127.0.0.1", 3334)
    assert settings.resource.url == "http://127.0.0.1:3334/mcp"
    assert settings.resource.authorization_servers == ("https://idp.example.com/",)


def test_the_names_of_the_first_plan_work(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CLOUDWATCH_MCP_SERVER_HOST", "0.0.0.0")  # noqa: S104
    environment.setenv("CLOUDWATCH_MCP_PORT", "8080")
    environment.setenv("FASTMCP_LOG_LEVEL", "DEBUG")
    settings = load()
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 8080, "DEBUG")  # noqa: S104


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FRONTEND_RESOURCE_URL", "mcp.example.com/mcp", "FRONTEND_RESOURCE_URL"),
        ("FRONTEND_RESOURCE_URL", "https://mcp.example.com/mcp?x=1", "FRONTEND_RESOURCE_URL"),
        ("CLOUDWATCH_MCP_PORT", "many", "CLOUDWATCH_MCP_PORT"),
        ("FRONTEND_HTTPS_CERT_FILE", "https.pem", "FRONTEND_HTTPS_KEY_FILE"),
        ("FRONTEND_RESOURCE_URI", "x", "FRONTEND_RESOURCE_URI: no such setting"),
        ("FRONTEND_SCOPES", "[]", "FRONTEND_SCOPES"),
        ("FRONTEND_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0", "FRONTEND_TRUSTED_PROXIES: 0.0.0.0/0 trusts every client"),
        ("FRONTEND_TRUSTED_PROXIES", "::/0", "FRONTEND_TRUSTED_PROXIES: ::/0 trusts every client"),
    ],
)
def test_faults_name_their_variable(environment: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert words in str(caught.value)


def test_every_fault_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OAUTH_ISSUER", "")
    environment.setenv("FRONTEND_HTTPS_CERT_FILE", "https.pem")
    environment.setenv("FRONTEND_TRUSTED_PROXIES", "10.0.0.0/8,ingress,::/0")
    with pytest.raises(SettingsError) as caught:
        load()
    assert [line.split(" ")[1] for line in str(caught.value).splitlines()] == ["'ingress'", "::/0"]
    environment.delenv("FRONTEND_TRUSTED_PROXIES")
    with pytest.raises(SettingsError) as caught:
        load()
    assert [line[:18] for line in str(caught.value).splitlines()] == ["settings: set OAUT", "settings: set both"]


def test_without_a_place_to_sign_in_it_does_not_start(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("OAUTH_ISSUER")
    with pytest.raises(SettingsError, match="OAUTH_ISSUER"):
        load()


def test_without_authentication_only_loopback_is_served(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ENABLE_AUTH", "false")
    environment.delenv("OAUTH_ISSUER")
    load()
    environment.setenv("CLOUDWATCH_MCP_SERVER_HOST", "10.0.0.5")
    with pytest.raises(SettingsError, match="ALLOW_UNAUTHENTICATED_REMOTE"):
        load()
