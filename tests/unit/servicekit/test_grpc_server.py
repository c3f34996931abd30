"""The order of what surrounds a handler, and servers that cannot be built."""

from pathlib import Path

import pytest

from servicekit.grpc_calls import Call
from servicekit.grpc_layers import Deadline, ErrorMapping, PeerAllowList, ServiceRules, UserVerification
from servicekit.grpc_server import ServerLimits, layers, serving
from servicekit.identity import Principal
from servicekit.telemetry.grpc_tracing import ServerTracing
from servicekit.tls import CertificateError, TlsFiles
from tests.kit.grpc_stack import OpenGate
from tests.kit.handlers import hosted
from tests.kit.ports import free_port
from tests.kit.tls import CertificateAuthority

FOR_USERS = {"a.B": ServiceRules(frozenset({"peer"}), for_user=True)}


class Check:
    async def verify(self, assertion: bytes, audiences: object) -> Principal:
        raise NotImplementedError


def no_audiences(_call: Call) -> tuple[str, ...]:
    return ()


def tls_files(directory: Path) -> TlsFiles:
    authority = CertificateAuthority(directory)
    issued = authority.issue("server")
    return TlsFiles(issued.cert_file, issued.key_file, authority.ca_file)


def test_the_order_is_tracing_errors_peers_deadline_user() -> None:
    order = [type(layer) for layer in layers(FOR_USERS, 1.0, Check(), no_audiences, OpenGate())]
    assert order == [ServerTracing, ErrorMapping, PeerAllowList, Deadline, UserVerification]


def test_a_server_for_users_cannot_be_without_verification() -> None:
    with pytest.raises(ValueError, match="verifies none"):
        layers(FOR_USERS, 1.0, None, no_audiences, OpenGate())
    with pytest.raises(ValueError, match="verifies none"):
        layers(FOR_USERS, 1.0, Check(), no_audiences, None)


def test_a_server_without_users_verifies_none() -> None:
    rules = {"a.B": ServiceRules(callers=None)}
    assert not any(isinstance(layer, UserVerification) for layer in layers(rules, 1.0, None, no_audiences, None))


async def test_a_taken_port_is_an_error_of_the_system(tmp_path: Path) -> None:
    files = tls_files(tmp_path)
    async with serving("127.0.0.1:0", files, [hosted()], ServerLimits()) as address:
        with pytest.raises(OSError, match="cannot listen"):
            async with serving(address, files, [hosted()], ServerLimits()):
                pass


async def test_missing_certificates_stop_the_start(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "no.pem", tmp_path / "no.key", tmp_path / "ca.pem")
    with pytest.raises(CertificateError):
        async with serving(f"127.0.0.1:{free_port()}", files, [hosted()], ServerLimits()):
            pass


def test_permissions_need_users() -> None:
    with pytest.raises(ValueError, match="verifies none"):
        ServiceRules(callers=None, permissions={"Unary": None})
