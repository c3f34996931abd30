"""The logout endpoint: what it passes on, what it refuses, and how it says so."""

import asyncio
import logging
from typing import Any

import grpc
import httpx2
import pytest
from cwmcp.auth.v1 import backchannel_logout_service_pb2 as pb

from mcp_frontend.backchannel_logout import PATH, BackchannelLogoutEndpoint
from mcp_frontend.origins import AllowedOrigins
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import to_status
from servicekit.refusals import RefusalLog
from tests.kit.gate import Gate

URL = "http://mcp.example.com"


def rpc_error(error: ServiceError) -> grpc.aio.AioRpcError:
    code, message, trailers = to_status(error)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), message)


class Setup:
    """The endpoint before a scripted auth_service."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failure: Exception | None = None
        self.gate: Gate | None = None
        self.now_s = 0.0
        refusals = RefusalLog(logging.getLogger("test.refusals"), records_a_period=10)
        origins = AllowedOrigins(f"{URL}/mcp", [], [])
        self.endpoint = BackchannelLogoutEndpoint(self, origins, refusals, lambda: self.now_s)

    async def Logout(self, request: pb.LogoutRequest, timeout: float) -> pb.LogoutResponse:  # noqa: ASYNC109 - gRPC's
        if self.gate is not None:
            await self.gate.passage()
        assert 0 < timeout <= 5
        self.taken.append(request.logout_token)
        if self.failure is not None:
            raise self.failure
        return pb.LogoutResponse()

    async def request(self, method: str = "POST", *, source: str = "192.0.2.1", **options: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.endpoint, client=(source, 1))
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
            response = await client.request(method, PATH, **options)
        assert response.headers["cache-control"] == "no-store"
        return response


async def test_a_logout_token_is_passed_on_unread() -> None:
    setup = Setup()
    response = await setup.request(data={"logout_token": "a.b.c", "other": "x"})
    assert (response.status_code, response.content) == (200, b"")
    assert setup.taken == ["a.b.c"]


MALFORMED: dict[str, dict[str, Any]] = {
    "no body": {"headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    "JSON": {"json": {"logout_token": "a.b.c"}},
    "no content type": {"content": b"logout_token=a.b.c"},
    "another field": {"data": {"token": "a.b.c"}},
    "two tokens": {
        "content": b"logout_token=a&logout_token=b",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "no form": {"content": b"\xff\xfe", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    "many fields": {
        "content": b"&".join(b"a%d=1" % n for n in range(30)),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "a large body": {"data": {"logout_token": "x" * 20_001}},
}


@pytest.mark.parametrize("options", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_requests_go_no_further(options: dict[str, Any]) -> None:
    setup = Setup()
    response = await setup.request(**options)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert setup.taken == []


async def test_other_methods_hosts_and_origins_are_refused() -> None:
    setup = Setup()
    for method in ("GET", "PUT", "DELETE"):
        assert (await setup.request(method)).status_code == 405
    for headers, status in (({"Host": "evil.example.com"}, 421), ({"Origin": "https://evil.example.com"}, 403)):
        assert (await setup.request(data={"logout_token": "a.b.c"}, headers=headers)).status_code == status
    assert setup.taken == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (rpc_error(ServiceError(Reason.TOKEN_EXPIRED, "the logout token has expired")), "invalid_request"),
        (rpc_error(ServiceError(Reason.TOKEN_CLAIMS_REFUSED, "it was used before")), "invalid_request"),
        (rpc_error(ServiceError(Reason.ISSUER_UNAVAILABLE, "keys")), "temporarily_unavailable"),
        (rpc_error(ServiceError(Reason.UNAVAILABLE, "one replica only")), "temporarily_unavailable"),
        (rpc_error(ServiceError(Reason.PEER_NOT_ALLOWED, "who are you")), "temporarily_unavailable"),
        (ValueError("a defect with the token in it: a.b.c"), "temporarily_unavailable"),
    ],
    ids=["expired", "replayed", "keys", "one replica", "peer", "defect"],
)
async def test_every_failure_is_400_as_the_specification_has_it(error: Exception, code: str) -> None:
    setup = Setup()
    setup.failure = error
    response = await setup.request(data={"logout_token": "a.b.c"})
    assert (response.status_code, response.json()["error"]) == (400, code)
    assert "a.b.c" not in response.text


async def test_a_flood_is_bounded_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup()

    async def statuses(requests: int, source: str) -> list[int]:
        answers = [await setup.request(data={"logout_token": "x"}, source=source) for _ in range(requests)]
        return [answer.status_code for answer in answers]

    with caplog.at_level(logging.INFO, "test.refusals"):
        assert await statuses(220, "192.0.2.1") == [200] * 100 + [429] * 120
    assert len(caplog.records) == 10  # a flood fills no log
    assert await statuses(90, "2001:db8:1:2::1") == [200] * 90  # the identity provider's logouts come through
    assert await statuses(20, "2001:db8:1:2::2") == [200] * 10 + [429] * 10
    assert await statuses(1, "203.0.113.1") == [429]  # of all together so many and no more
    setup.now_s += 0.1
    assert await statuses(10, "192.0.2.1") == [200] * 5 + [429] * 5
    assert await statuses(10, "203.0.113.1") == [200] * 5 + [429] * 5


async def test_few_are_under_way_at_once() -> None:
    setup = Setup()
    setup.gate = Gate()
    asking = [
        asyncio.create_task(setup.request(data={"logout_token": str(number)}, source=f"192.0.2.{number % 2}"))
        for number in range(32)
    ]
    await setup.gate.arrivals(16)
    assert (await setup.request(data={"logout_token": "one more"}, source="192.0.2.1")).status_code == 429
    await setup.gate.arrivals(32)
    assert (await setup.request(data={"logout_token": "one more"}, source="192.0.2.7")).status_code == 429
    setup.gate.release()
    assert {response.status_code for response in await asyncio.gather(*asking)} == {200}
    assert (await setup.request(data={"logout_token": "later"})).status_code == 200
