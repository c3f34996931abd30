"""A certificate authority for tests, and certificates of it as files, in the way that services get theirs."""

import ssl
from pathlib import Path
from typing import NamedTuple

import trustme

_LOOPBACK = ("localhost", "127.0.0.1")


class CertificateFiles(NamedTuple):
    """A certificate chain and its private key (PEM)."""

    cert_file: Path
    key_file: Path


class CertificateAuthority:
    """Issues certificates into a directory, such as pytest's tmp_path."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def issue(self, name: str, *, loopback: bool = True) -> CertificateFiles:
        """A certificate for the DNS name `name`, for servers and clients; `loopback` adds localhost and 127.0.0.1.

        Asked for a name again it writes a new certificate over the old files, as a renewal does.
        """
        names = (name, *(_LOOPBACK if loopback else ()))
        certificate = self._authority.issue_cert(*names, common_name=name)
        files = CertificateFiles(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        files.cert_file.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(files.key_file))
        files.key_file.chmod(0o600)
        return files

    def server_context(self, name: str = "localhost", *, require_client: bool = False) -> ssl.SSLContext:
        """For a server of asyncio or aiohttp; `require_client` demands a certificate of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca_file))
        context.load_cert_chain(*self.issue(name))
        context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_NONE
        return context

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        """For a client that trusts this authority alone, with a certificate of its own when `name` is given."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if name is not None:
            context.load_cert_chain(*self.issue(name, loopback=False))
        return context
