"""cloudwatch_service's configuration."""

import pytest

from cloudwatch_service.app import check
from cloudwatch_service.domain.insights.scan_limits import ScanLimits
from cloudwatch_service.settings import load
from servicekit.lifecycle import ConfigurationError
from servicekit.settings import SettingsError

REQUIRED = {
    "CLOUDWATCH_LISTEN_ADDRESS": "127.0.0.1:50052",
    "CLOUDWATCH_AUTH_TARGET": "127.0.0.1:50051",
    "CLOUDWATCH_TLS_CERT_FILE": "c.pem",
    "CLOUDWATCH_TLS_KEY_FILE": "c.key",
    "CLOUDWATCH_TLS_CA_FILE": "ca.pem",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_required_is_enough(environment: pytest.MonkeyPatch) -> None:
    settings = load()
    assert settings.aws_region == "us-east-1"
    assert settings.pool_limits.max_entries == 20_000
    assert settings.callers == ("mcp-frontend", "agent")


def test_scan_limits_are_generous_and_can_be_set_or_switched_off(environment: pytest.MonkeyPatch) -> None:
    assert load().scan_limits == ScanLimits(2_000 * 10**9, 1_000 * 10**9)
    environment.setenv("CLOUDWATCH_MAX_SCANNED_GB_PER_USER_DAY", "0")
    environment.setenv("CLOUDWATCH_MAX_ESTIMATED_GB_PER_QUERY", "0.5")
    assert load().scan_limits == ScanLimits(0, 5 * 10**8)
    environment.setenv("CLOUDWATCH_MAX_ESTIMATED_GB_PER_QUERY", "-1")
    with pytest.raises(SettingsError, match="CLOUDWATCH_MAX_ESTIMATED_GB_PER_QUERY"):
        load()


def test_the_frontends_names_of_the_first_plan_may_be_there_too(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CLOUDWATCH_MCP_PORT", "3334")
    environment.setenv("CLOUDWATCH_MCP_SERVER_HOST", "0.0.0.0")  # noqa: S104
    assert load().listen_address == "127.0.0.1:50052"


def test_every_file_that_is_missing_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SHARED_STATE_URL", "rediss://redis.example.com")
    environment.setenv("SHARED_STATE_PASSWORD_FILE", "password")
    environment.setenv("SHARED_STATE_CA_FILE", "authority.pem")
    with pytest.raises(ConfigurationError) as caught:
        check(load())
    lines = str(caught.value).splitlines()
    assert [part in line for part, line in zip(("c.pem", "password", "authority.pem"), lines, strict=True)] == [
        True
    ] * 3


def test_a_misspelt_name_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CLOUDWATCH_MAX_USER", "5")
    with pytest.raises(SettingsError, match="CLOUDWATCH_MAX_USER: no such setting"):
        load()


def test_without_authentication_only_loopback_is_served(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ENABLE_AUTH", "false")
    load()
    environment.setenv("CLOUDWATCH_LISTEN_ADDRESS", "0.0.0.0:50052")
    with pytest.raises(SettingsError, match="ALLOW_UNAUTHENTICATED_REMOTE"):
        load()
    environment.setenv("ALLOW_UNAUTHENTICATED_REMOTE", "true")
    load()
