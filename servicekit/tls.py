"""Certificates for mutual TLS from files. There is no plaintext variant to fall back to.

Files are read again when they change, so a renewed certificate needs no restart on the server side; a channel takes
the files as they are when it is opened.
"""

import datetime as dt
import logging
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_log = logging.getLogger(__name__)


class CertificateError(Exception):
    """A certificate file is missing, unreadable, expired or does not fit."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a service's certificate chain, key and the CA of its peers are (PEM)."""

    cert_file: Path
    key_file: Path
    ca_file: Path

    def read(self) -> "TlsMaterial":
        """The files' content, checked. Raises CertificateError naming the file at fault."""
        chain, key, authorities = (_read(path) for path in (self.cert_file, self.key_file, self.ca_file))
        _check_validity(self.cert_file, chain)
        _check_validity(self.ca_file, authorities)
        self._check_fit(chain, key)
        return TlsMaterial(chain, key, authorities)

    def changed_at(self) -> tuple[int, ...]:
        """Modification times (ns); changes whenever a file does. Raises CertificateError."""
        return tuple(_modified_at(path) for path in (self.cert_file, self.key_file, self.ca_file))

    def _check_fit(self, chain: bytes, key: bytes) -> None:
        """Raises CertificateError when the key is not the certificate's, as between the two writes of a renewal."""
        try:
            public = load_pem_private_key(key, password=None).public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CertificateError(f"{self.key_file} holds no readable private key") from error
        if public != x509.load_pem_x509_certificate(chain).public_key():
            raise CertificateError(f"{self.key_file} is not the key of {self.cert_file}")


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """PEM bytes of a chain, its key and the CA of peers."""

    chain: bytes
    key: bytes = field(repr=False)
    authorities: bytes

    def server_configuration(self) -> grpc.ServerCertificateConfiguration:
        """For grpc's dynamic server credentials."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.authorities)


class _Reloading:
    """Hands gRPC the current certificate at each handshake; keeps the last good one when new files are bad."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = files.changed_at()
        self.current = files.read().server_configuration()

    def __call__(self) -> grpc.ServerCertificateConfiguration:
        """The configuration for a handshake; called by gRPC on its own thread."""
        try:
            now = self._files.changed_at()
            if now != self._seen:
                self.current = self._files.read().server_configuration()
                self._seen = now
        except CertificateError as error:
            _log.error("keeping the certificate in use: %s", error)
        return self.current


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that demand a client certificate of our CA. Raises CertificateError."""
    reloading = _Reloading(files)
    return grpc.dynamic_ssl_server_credentials(reloading.current, reloading, require_client_authentication=True)


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Credentials that present our certificate and accept servers of our CA only. Raises CertificateError."""
    material = files.read()
    return grpc.ssl_channel_credentials(material.authorities, material.key, material.chain)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error


def _modified_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error


def _check_validity(path: Path, pem: bytes) -> None:
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError(f"{path} holds no PEM certificate") from error
    now = dt.datetime.now(dt.UTC)
    for certificate in certificates:
        if certificate.not_valid_after_utc <= now:
            raise CertificateError(f"a certificate in {path} expired at {certificate.not_valid_after_utc.isoformat()}")
