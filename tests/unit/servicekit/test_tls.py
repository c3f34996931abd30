"""Certificate files: what is refused, how clearly, and how a change is noticed."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from servicekit.tls import CertificateError, TlsFiles, _Reloading, channel_credentials, server_credentials
from tests.kit.tls import CertificateAuthority


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def files(authority: CertificateAuthority) -> TlsFiles:
    issued = authority.issue("service")
    return TlsFiles(issued.cert_file, issued.key_file, authority.ca_file)


def expired_certificate() -> bytes:
    first, last = (dt.datetime(2020, 1, day) for day in (1, 2))  # noqa: DTZ001 - without a zone, as trustme wants them
    leaf = trustme.CA().issue_cert("service", not_before=first, not_after=last)
    return leaf.cert_chain_pems[0].bytes()


def other_key() -> bytes:
    return trustme.CA().issue_cert("service").private_key_pem.bytes()


DAMAGES: dict[str, tuple[Callable[[TlsFiles], Path], bytes | None, str]] = {
    "no certificate": (lambda files: files.cert_file, None, "cannot read {}: No such file or directory"),
    "no key": (lambda files: files.key_file, None, "cannot read {}: No such file or directory"),
    "no authority": (lambda files: files.ca_file, None, "cannot read {}: No such file or directory"),
    "empty certificate": (lambda files: files.cert_file, b"", "{} holds no PEM certificate"),
    "no PEM": (lambda files: files.cert_file, b"hello", "{} holds no PEM certificate"),
    "authority no PEM": (lambda files: files.ca_file, b"hello", "{} holds no PEM certificate"),
    "key no PEM": (lambda files: files.key_file, b"hello", "{} holds no readable private key"),
    "another's key": (lambda files: files.key_file, other_key(), "{} is not the key of"),
    "expired": (lambda files: files.cert_file, expired_certificate(), "a certificate in {} expired at 2020-01-02"),
    "expired authority": (lambda files: files.ca_file, expired_certificate(), "a certificate in {} expired at 2020"),
}


@pytest.mark.parametrize(("which", "content", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_told_with_the_file_at_fault(
    files: TlsFiles, which: Callable[[TlsFiles], Path], content: bytes | None, message: str
) -> None:
    path = which(files)
    path.unlink() if content is None else path.write_bytes(content)
    for use in (files.read, lambda: server_credentials(files), lambda: channel_credentials(files)):
        with pytest.raises(CertificateError) as caught:
            use()
        assert message.format(path) in str(caught.value)


def test_the_key_never_shows(files: TlsFiles) -> None:
    assert "PRIVATE KEY" not in repr(files.read())


def touch(files: TlsFiles) -> None:
    """Make sure that a change shows, whatever the file system's clock."""
    for path in (files.cert_file, files.key_file):
        later_ns = path.stat().st_mtime_ns + 1_000_000_000
        os.utime(path, ns=(later_ns, later_ns))


def test_a_renewed_certificate_is_taken_up(authority: CertificateAuthority, files: TlsFiles) -> None:
    reloading = _Reloading(files)
    first = reloading()
    assert reloading() is first
    authority.issue("service")
    touch(files)
    second = reloading()
    assert second is not first
    assert reloading() is second


def test_bad_files_leave_the_certificate_in_use_until_they_are_good_again(
    authority: CertificateAuthority, files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    reloading = _Reloading(files)
    first = reloading()
    files.key_file.write_bytes(other_key())  # between the two writes of a renewal
    touch(files)
    assert reloading() is first
    assert "keeping the certificate in use" in caplog.text
    files.cert_file.unlink()
    assert reloading() is first
    authority.issue("service")
    touch(files)
    assert reloading() is not first
