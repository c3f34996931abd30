"""The HTTP listener over real sockets: what bounds a connection, and what happens when it cannot start."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from mcp_frontend.app import check
from mcp_frontend.http_protocol import BoundedHttpProtocol
from mcp_frontend.http_server import HttpListener, serving_http
from mcp_frontend.settings import FrontendSettings
from servicekit.lifecycle import ConfigurationError
from tests.kit.tls import CertificateAuthority

REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"


async def _nothing() -> None:
    """Nothing is to be done before the stop."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving_http(
        PlainTextResponse("answer"), HttpListener("127.0.0.1", 0), before_stop=_nothing
    ) as listening:
        yield listening


async def _client_seen(trusted: tuple[str, ...], *forwarded: str) -> str:
    """The client's address as the application sees it, where a connection from this machine sends X-Forwarded-For."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["client"][0])(scope, receive, send)

    headers = [("X-Forwarded-For", value) for value in forwarded]
    listener = HttpListener("127.0.0.1", 0, trusted_proxies=trusted)
    async with (
        serving_http(app, listener, before_stop=_nothing) as listening,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        return (await http.get(f"http://127.0.0.1:{listening}/", headers=headers)).text


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        ((), ["198.51.100.1"], "127.0.0.1"),
        (("10.0.0.0/8",), ["198.51.100.1"], "127.0.0.1"),
        (("127.0.0.1",), ["198.51.100.1"], "198.51.100.1"),
        (("127.0.0.0/8", "10.0.0.0/8"), ["203.0.113.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        (("127.0.0.1",), ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        (("127.0.0.1",), [""], "127.0.0.1"),
    ],
    ids=["nobody", "others", "the ingress", "what clients add is not believed", "two headers", "empty"],
)
async def test_only_trusted_proxies_name_the_client(trusted: tuple[str, ...], forwarded: list[str], seen: str) -> None:
    assert await _client_seen(trusted, *forwarded) == seen


async def _until_closed(port: int, *parts: bytes) -> bytes:
    """What the server says to `parts` before it closes the connection by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(4):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [(), (b"\r\n",), (b"POST / HTTP/1.1\r\nHost: ",), (REQUEST, b"POST / HTTP/1.1\r\n"), (REQUEST[:-1],)],
    ids=["nothing", "an empty line", "half a head", "half a second head", "half a body that nobody reads"],
)
async def test_what_is_never_complete_is_closed(
    port: int, parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttpProtocol, "receive_timeout_s", 0.05)
    answers = await _until_closed(port, *parts)
    assert answers.count(b"HTTP/1.1 200") == sum(b"\r\n\r\n" in part for part in parts)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"GET /" + b"x" * 1_000_000,
    ],
    ids=["a long header", "many headers", "a head without an end"],
)
async def test_a_head_that_is_too_large_is_refused_in_words(port: int, head: bytes) -> None:
    parts = (head[start : start + 1_000] for start in range(0, len(head), 1_000))
    answer = await _until_closed(port, *parts)
    # The answer is lost where the client is still sending when the connection closes.
    assert answer == b"" or (answer.startswith(b"HTTP/1.1 400") and b"larger than 65536 bytes" in answer)


async def test_connections_that_wait_give_way_to_new_ones_and_calls_do_not() -> None:
    """Else who opens as many as there may be keeps everybody out, with or without a token."""
    answering, finish = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            answering.set()
            await finish.wait()
        await PlainTextResponse("answer")(scope, receive, send)

    listener = HttpListener("127.0.0.1", 0, max_connections=6)
    async with serving_http(app, listener, before_stop=_nothing) as port, AsyncExitStack() as opened:

        async def connect(sent: bytes) -> asyncio.StreamReader:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.callback(writer.close)
            writer.write(sent)
            return reader

        slow = await connect(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        await answering.wait()
        waiting = [await connect(sent) for sent in (b"", b"GET / HTTP/1.1\r\nHost:", REQUEST) for _ in range(4)]
        for _ in range(8):
            answer = await (await connect(REQUEST)).readuntil(b"answer")
            assert answer.startswith(b"HTTP/1.1 200")
        for each in waiting:
            with suppress(ConnectionError):
                async with asyncio.timeout(4):
                    await each.read()  # it was ended, whatever it had sent
        finish.set()
        assert (await slow.readuntil(b"answer")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n"], ids=["open", "to be closed"])
async def test_who_does_not_read_is_left(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttpProtocol, "send_timeout_s", 0.1)
    app = PlainTextResponse(b"x" * 50_000_000)  # more than the network holds
    lost = asyncio.Event()
    monkeypatch.setattr(BoundedHttpProtocol, "connection_lost", _telling(lost, BoundedHttpProtocol.connection_lost))
    async with serving_http(app, HttpListener("127.0.0.1", 0), before_stop=_nothing) as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n")
            async with asyncio.timeout(4):
                await lost.wait()


def _telling(lost: asyncio.Event, ending: Callable[..., None]) -> Callable[..., None]:
    def connection_lost(protocol: BoundedHttpProtocol, cause: Exception | None) -> None:
        ending(protocol, cause)
        lost.set()

    return connection_lost


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + SMUGGLED,
        b"Content-Length: 2, 2\r\n\r\n{}",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n" + SMUGGLED,
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"Transfer-Encoding: chunked\r\n\r\n2;a=\nx\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
        b"X-A: b\x00c\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["two ways", "two lengths", "list", "plus", "minus", "unknown", "blank", "line feed", "folded", "zero byte"],
)
async def test_a_request_whose_end_proxies_see_elsewhere_is_refused(port: int, rest: bytes) -> None:
    """RFC 9112 section 11.2: what follows it must not be taken for a request of the next client."""
    answer = await _until_closed(port, b"POST / HTTP/1.1\r\nHost: h\r\n" + rest)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_requests_one_after_another_and_pipelined_are_served(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a connection that was used may idle for longer than a new one."""
    monkeypatch.setattr(BoundedHttpProtocol, "receive_timeout_s", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for count in (1, 3, 1):
        writer.write(REQUEST * count)
        for _ in range(count):
            async with asyncio.timeout(4):
                assert (await reader.readuntil(b"answer")).startswith(b"HTTP/1.1 200")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await reader.read()
    writer.close()


def test_checking_the_configuration_reads_the_certificate(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    files, other = authority.issue("mcp-frontend"), authority.issue("other")
    settings = FrontendSettings(
        oauth_issuer="https://idp.example.com",
        auth_target="a:1",
        cloudwatch_target="b:1",
        tls_cert_file=files.cert_file,
        tls_key_file=files.key_file,
        tls_ca_file=authority.ca_file,
        https_cert_file=files.cert_file,
        https_key_file=files.key_file,
    )
    check(settings)
    with pytest.raises(ConfigurationError, match=r"other\.key"):
        check(settings.model_copy(update={"https_key_file": other.key_file}))
    nowhere = {"tls_ca_file": tmp_path / "nowhere.pem", "https_key_file": other.key_file}
    with pytest.raises(ConfigurationError, match=r"(?s)nowhere\.pem.*\n.*other\.key"):  # both at once
        check(settings.model_copy(update=nowhere))


async def test_a_certificate_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    listener = HttpListener("127.0.0.1", 0, broken, broken)
    with pytest.raises(OSError, match=r"PEM|pem"):
        async with asyncio.timeout(2), serving_http(PlainTextResponse(""), listener, before_stop=_nothing):
            raise AssertionError("it serves without a certificate")
