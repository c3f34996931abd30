"""The address of shared state: what is accepted, and that no password passes through it."""

import os

import pytest
from pydantic_settings import SettingsConfigDict

from servicekit.settings import GrpcServiceSettings, SettingsError, load
from servicekit.shared_state_address import url_fault


class Settings(GrpcServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TEST_")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE"):
        monkeypatch.setenv(f"TEST_{name}", "some.pem")
    monkeypatch.setenv("TEST_LISTEN_ADDRESS", "127.0.0.1:0")


@pytest.mark.parametrize(
    "url",
    ["redis://redis", "redis://127.0.0.1:6379/3", "rediss://cwmcp@redis.internal:6380", "redis://[::1]:6379"],
)
def test_good_addresses(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://redis:6379",
        "redis://",
        "redis://:6379",
        "redis://redis:0",
        "redis://redis:99999",
        "redis://redis/one",
        "redis://redis?ssl_cert_reqs=none",
        "redis://[::1",
        "unix:///run/redis.sock",
    ],
)
def test_bad_addresses(url: str) -> None:
    assert url_fault(url) is not None


def test_a_password_in_the_address_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARED_STATE_URL", "rediss://user:correct-horse@redis:6380")
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert "SHARED_STATE_PASSWORD_FILE" in str(caught.value)
    assert "correct-horse" not in str(caught.value)


def test_without_an_address_the_state_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(Settings).shared_state is None
    monkeypatch.setenv("SHARED_STATE_URL", "")
    assert load(Settings).shared_state is None
    monkeypatch.setenv("SHARED_STATE_URL", "rediss://redis:6380/1")
    monkeypatch.setenv("SHARED_STATE_KEY_PREFIX", "blue:")
    address = load(Settings).shared_state
    assert address is not None
    assert (address.url, address.key_prefix) == ("rediss://redis:6380/1", "blue:")
