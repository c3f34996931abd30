"""The machine's own AWS profile."""

from pathlib import Path

import pytest

from auth_service.adapters.local_profile import LocalProfile
from auth_service.domain.accounts import Account
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.access import entitled

LOCAL = Principal("u-local", "local", "local", unauthenticated=True)
LOCAL_ACCOUNT = entitled(Account(strategy="shared_profile"))


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    credentials = tmp_path / "credentials"
    credentials.write_text(
        "[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key=s1\n"
        "[work]\naws_access_key_id=ASIAWORK\naws_secret_access_key=s2\naws_session_token=t2\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(("profile", "key", "token"), [(None, "AKIADEFAULT", ""), ("work", "ASIAWORK", "t2")])
async def test_the_profiles_keys_are_given(profile: str | None, key: str, token: str) -> None:
    issued = await LocalProfile(profile).issue(LOCAL, LOCAL_ACCOUNT, UserToken("", 0.0))
    assert (issued.access_key_id, issued.session_token) == (key, token)
    assert issued.expires_at_s - issued.issued_at_s == 300  # asked for again soon: people sign in again
    assert "s1" not in repr(issued)


async def test_a_machine_without_keys_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(ServiceError, match="has no AWS credentials") as caught:
        await LocalProfile(None).issue(LOCAL, LOCAL_ACCOUNT, UserToken("", 0.0))
    assert caught.value.reason is Reason.AWS_UNAVAILABLE


async def test_a_profile_that_does_not_exist_is_told_so() -> None:
    with pytest.raises(ServiceError, match="nowhere") as caught:
        await LocalProfile("nowhere").issue(LOCAL, LOCAL_ACCOUNT, UserToken("", 0.0))
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
