import re
from pathlib import Path

import pytest

from deploy.local import embedded_aws
from deploy.local.loopback import NotLoopbackError
from deploy.local.seed import AccessKey, Seeder


def test_it_listens_on_loopback_with_enforced_iam_and_no_identity_of_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACALLER")
    given = embedded_aws.environment(4567, Path("/logs"))
    assert (given["BIND_HOST"], given["GATEWAY_PORT"], given["AUTH"]) == ("127.0.0.1", "4567", "true")
    assert (given["IOT_MTLS_ENABLED"], given["SFTP_ENABLED"]) == ("0", "0")
    assert not [name for name in given if name.startswith("AWS_")]


def test_its_requirements_are_locked_with_hashes_and_without_addresses() -> None:
    lock = embedded_aws.REQUIREMENTS.read_text()
    assert "ministack==1.5.33" in lock
    assert "://" not in lock
    requirements = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", lock.strip(), flags=re.MULTILINE))
    assert all("--hash=sha256:" in requirement for requirement in requirements)


def test_an_absent_or_outdated_environment_is_not_installed(tmp_path: Path) -> None:
    assert not embedded_aws.is_installed(tmp_path)
    (tmp_path / "requirements.sha256").write_text("of another lock")
    assert not embedded_aws.is_installed(tmp_path)


def test_only_an_aws_on_this_machine_is_seeded() -> None:
    with pytest.raises(NotLoopbackError):
        Seeder("https://sts.us-east-1.amazonaws.com")


def test_the_secret_key_does_not_show() -> None:
    assert "hush" not in repr(AccessKey("AKIA", "hush"))
