import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.local import certificates
from deploy.local.certificates import CertificateFiles


@pytest.fixture
def made(tmp_path: Path) -> CertificateFiles:
    return certificates.make(tmp_path / "certs")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def test_every_peer_has_a_leaf_of_the_authority_with_its_name_alone(made: CertificateFiles) -> None:
    authority = read(made.ca_file)
    assert set(made.peers) == {"auth-service", "cloudwatch-service", "mcp-frontend", "agent", "admin"}
    for name, peer in made.peers.items():
        leaf = read(peer.cert_file)
        leaf.verify_directly_issued_by(authority)
        assert list(extension(leaf, x509.SubjectAlternativeName)) == [x509.DNSName(name)]
        assert set(extension(leaf, x509.ExtendedKeyUsage)) == {
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        }
        assert not extension(leaf, x509.BasicConstraints).ca
        key = leaf.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)


def test_they_are_short_lived(made: CertificateFiles) -> None:
    for path in (made.ca_file, *(peer.cert_file for peer in made.peers.values())):
        certificate = read(path)
        assert certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) <= dt.timedelta(days=7)
        assert certificate.not_valid_before_utc < dt.datetime.now(dt.UTC)


def test_keys_are_for_their_owner_only_and_the_authority_leaves_none(made: CertificateFiles, tmp_path: Path) -> None:
    keys = sorted(path.name for path in (tmp_path / "certs").glob("*.key"))
    assert keys == ["admin.key", "agent.key", "auth-service.key", "cloudwatch-service.key", "mcp-frontend.key"]
    assert all(peer.key_file.stat().st_mode & 0o777 == 0o600 for peer in made.peers.values())
    assert (tmp_path / "certs").stat().st_mode & 0o777 == 0o700


def test_a_second_start_replaces_everything(made: CertificateFiles, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "certs").iterdir()}
    certificates.make(tmp_path / "certs")
    after = {path.name: path.read_bytes() for path in (tmp_path / "certs").iterdir()}
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
