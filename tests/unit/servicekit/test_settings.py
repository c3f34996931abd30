"""Configuration by environment: what is refused, how it is said, and what is never repeated."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from servicekit.settings import GrpcServiceSettings, SettingsError, faults_of_remote, load


class ExampleSettings(GrpcServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    names: tuple[str, ...] = ("one",)
    numbers: tuple[int, ...] = ()
    limit: int = Field(default=1, le=10)
    password_file: Path | None = None

    def faults_together(self) -> Iterator[str]:
        yield from faults_of_remote(self, self.listen_address)


GOOD = {
    "EXAMPLE_LISTEN_ADDRESS": "127.0.0.1:0",
    "EXAMPLE_TLS_CERT_FILE": "cert.pem",
    "EXAMPLE_TLS_KEY_FILE": "key.pem",
    "EXAMPLE_TLS_CA_FILE": "ca.pem",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def faults() -> str:
    with pytest.raises(SettingsError) as caught:
        load(ExampleSettings)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_the_least_configuration_is_enough_and_safe() -> None:
    settings = load(ExampleSettings)
    assert settings.enable_auth
    assert not settings.allow_unauthenticated_remote
    assert settings.tls.key_file == Path("key.pem")
    assert settings.limits.max_call_s == settings.max_call_s
    assert settings.limits.grace_period_s == settings.grace_period_s


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(ExampleSettings).limit = 5


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    assert faults() == f"{name}: Field required"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EXAMPLE_LIMIT", "hunter2", "EXAMPLE_LIMIT: "),
        ("EXAMPLE_LIMIT", "777777", "EXAMPLE_LIMIT: "),
        ("EXAMPLE_LISTEN_ADDRESS", "hunter2", "EXAMPLE_LISTEN_ADDRESS: "),
        ("EXAMPLE_GRACE_PERIOD_S", "-777777", "EXAMPLE_GRACE_PERIOD_S: "),
        ("EXAMPLE_NUMBERS", "1,hunter2", "EXAMPLE_NUMBERS: "),
        ("EXAMPLE_NUMBERS", "[1,hunter2", "EXAMPLE_NUMBERS: "),
        ("EXAMPLE_NAMES", "[hunter2", "EXAMPLE_NAMES: "),
        ("LOG_LEVEL", "hunter2", "LOG_LEVEL: "),
        ("FASTMCP_LOG_LEVEL", "hunter2", "LOG_LEVEL: "),
        ("ENABLE_AUTH", "hunter2", "ENABLE_AUTH: "),
        ("EXAMPLE_HUNTER2", "hunter2", "EXAMPLE_HUNTER2: no such setting"),
    ],
)
def test_a_fault_is_named_by_its_variable_and_never_shows_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    text = faults()
    assert text.startswith(expected)
    assert value.strip("[1,-") not in text.removeprefix(expected)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_TYPO", "x")
    monkeypatch.setenv("EXAMPLE_LIMIT", "11")
    monkeypatch.delenv("EXAMPLE_TLS_KEY_FILE")
    assert {line.split(":")[0] for line in faults().splitlines()} == {
        "EXAMPLE_TYPO",
        "EXAMPLE_LIMIT",
        "EXAMPLE_TLS_KEY_FILE",
    }


@pytest.mark.parametrize(
    "name",
    [
        "EXAMPLE_SERVICE_HOST",
        "EXAMPLE_SERVICE_PORT",
        "EXAMPLE_SERVICE_PORT_GRPC",
        "EXAMPLE_PORT",
        "EXAMPLE_PORT_50051_TCP",
        "EXAMPLE_PORT_50051_TCP_ADDR",
        "EXAMPLE_PORT_50051_TCP_PROTO",
    ],
)
def test_names_that_kubernetes_announces_are_ignored(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:50051")
    assert load(ExampleSettings).limit == 1


@pytest.mark.parametrize("name", ["EXAMPLES_LIMIT", "OTHER_LIMIT", "PATH"])
def test_names_without_the_prefix_are_nobodys_business(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert load(ExampleSettings).limit == 1


def test_a_prefix_may_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_MCP_OTHER", "x")
    assert load(ExampleSettings, ignored_prefixes=("EXAMPLE_MCP_",)).limit == 1
    assert faults() == "EXAMPLE_MCP_OTHER: no such setting"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("mcp-frontend", ("mcp-frontend",)),
        ("mcp-frontend, agent ,", ("mcp-frontend", "agent")),
        ('["mcp-frontend","agent"]', ("mcp-frontend", "agent")),
        ("", ()),
    ],
)
def test_lists_are_separated_by_commas_or_json(
    monkeypatch: pytest.MonkeyPatch, written: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EXAMPLE_NAMES", written)
    assert load(ExampleSettings).names == names


@pytest.mark.parametrize("name", ["LOG_LEVEL", "FASTMCP_LOG_LEVEL"])
def test_the_log_level_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "debug")
    assert load(ExampleSettings).log_level == "debug"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_without_authentication_this_machine_may_be_served(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ENABLE_AUTH", "false")
    monkeypatch.setenv("EXAMPLE_LISTEN_ADDRESS", address)
    assert load(ExampleSettings).listen_address == address


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "auth-service:1", "localhost.example.com:1", "[::ffff:10.0.0.1]:1"]
)
def test_without_authentication_others_are_not_served_unless_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("ENABLE_AUTH", "false")
    monkeypatch.setenv("EXAMPLE_LISTEN_ADDRESS", address)
    assert "LISTEN_ADDRESS" in (text := faults()) or "ALLOW_UNAUTHENTICATED_REMOTE" in text
    if "::ffff" not in address:  # that one is no address by our grammar
        monkeypatch.setenv("ALLOW_UNAUTHENTICATED_REMOTE", "true")
        assert load(ExampleSettings).listen_address == address
