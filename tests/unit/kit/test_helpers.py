"""The small helpers: gates, ports, certificates, child processes."""

import asyncio
import signal
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from tests.kit.fake_aws import FakeAws
from tests.kit.gate import Gate
from tests.kit.ports import free_port, free_ports
from tests.kit.process import ChildFailed, child, listening, logged
from tests.kit.tls import CertificateAuthority


async def test_gate() -> None:
    gate = Gate()
    waiting = [asyncio.create_task(gate.passage()) for _ in range(2)]
    await gate.arrivals(2)
    await gate.arrivals(1)
    assert not any(task.done() for task in waiting)
    gate.release()
    await asyncio.gather(*waiting)
    await gate.passage()
    assert gate.arrived_count == 3


def test_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


async def test_certificates_name_the_service(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    files = authority.issue("cloudwatch-service", loopback=False)
    certificate = x509.load_pem_x509_certificate(files.cert_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["cloudwatch-service"]
    assert files.key_file.stat().st_mode & 0o077 == 0


async def test_tls_between_strangers_fails(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, other = CertificateAuthority(tmp_path), CertificateAuthority(tmp_path / "other")
    async with (
        FakeAws(ssl_context=ours.server_context(require_client=True)) as aws,
        aiohttp.ClientSession() as http,
    ):

        async def status(context: ssl.SSLContext) -> int:
            async with http.get(f"{aws.endpoint_url}/_control/counts", ssl=context) as answer:
                return answer.status

        assert await status(ours.client_context("client")) == 200
        for context in (ours.client_context(), other.client_context("client")):
            with pytest.raises(aiohttp.ClientError):
                await status(context)


def _module(directory: Path, text: str) -> dict[str, str]:
    (directory / "example.py").write_text(text)
    return {"PYTHONPATH": str(directory), "MARK": "given"}


async def test_a_child_has_only_the_given_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not to be inherited")
    env = _module(tmp_path, "import os, sys; print(sorted(os.environ), file=sys.stderr); sys.exit(7)")
    async with child("example", env=env, log_file=tmp_path / "log") as process:
        assert await process.wait() == 7
    assert process.exit_code == 7
    assert "MARK" in process.log()
    assert "AWS_SECRET_ACCESS_KEY" not in process.log()


async def test_a_child_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    env = _module(tmp_path, "raise SystemExit('no such setting')")
    with pytest.raises(ChildFailed, match=r"(?s)ended with 1.*no such setting"):
        async with child("example", env=env, log_file=tmp_path / "log", ready=logged("ready")):
            pytest.fail("it was never ready")


async def test_a_child_that_is_not_ready_in_time_is_ended(tmp_path: Path) -> None:
    env = _module(tmp_path, "import signal; signal.pause()")
    with pytest.raises(ChildFailed, match="not ready within"):
        async with child("example", env=env, log_file=tmp_path / "log", ready=logged("never"), timeout_s=0.5):
            pytest.fail("it was never ready")


async def test_a_child_is_ended_by_signal(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("--bind", "127.0.0.1", str(port))
    log_file = tmp_path / "log"
    async with child("http.server", *arguments, env={}, log_file=log_file, ready=listening(port)) as process:
        assert process.exit_code is None
    assert process.exit_code == -signal.SIGTERM


async def test_a_failing_test_ends_its_child(tmp_path: Path) -> None:
    env = _module(tmp_path, "import signal; print('up', flush=True); signal.pause()")
    with pytest.raises(web.HTTPGone):
        async with child("example", env=env, log_file=tmp_path / "log", ready=logged("up")) as process:
            raise web.HTTPGone
    assert process.exit_code == -signal.SIGKILL
