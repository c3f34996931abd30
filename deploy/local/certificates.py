"""A certificate authority for one run of the development stack, and a leaf for each gRPC peer.

Made anew at every start and short-lived. The authority's key is never written, so nobody can sign more later. Not for
anything but this machine: real installations get theirs from their own authority.
"""

import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The names by which the services know each other; a client overrides the target's name with the one it expects.
PEERS: Final = ("auth-service", "cloudwatch-service", "mcp-frontend", "agent", "admin")
_VALID_FOR: Final = dt.timedelta(days=7)
_CLOCK_SKEW: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PeerFiles:
    """Where a peer's certificate and key are (PEM)."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The authority's certificate and each peer's files, by the peer's name."""

    ca_file: Path
    peers: dict[str, PeerFiles]


def make(directory: Path, peers: Iterable[str] = PEERS) -> CertificateFiles:
    """Write a new authority's certificate and a leaf for each peer into the directory, replacing what is there.

    Keys are readable by their owner only. Raises OSError when the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    ca_file = directory / "ca.pem"
    _write(ca_file, _pem(authority), 0o644)
    return CertificateFiles(ca_file, {name: _make_peer(directory, name, authority, authority_key) for name in peers})


def _make_peer(
    directory: Path, name: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> PeerFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    files = PeerFiles(directory / f"{name}.pem", directory / f"{name}.key")
    _write(files.cert_file, _pem(_leaf(name, key.public_key(), authority, authority_key)), 0o644)
    _write(files.key_file, _key_pem(key), 0o600)
    return files


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("CloudWatch MCP development CA")
    return (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    name: str,
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    # Every service is a server to some peers and a client to others, so each leaf serves for both.
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        _builder(_name(name), authority.subject, public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole; a key is at no moment readable by others."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)
