"""The pages for connecting as browsers meet them: over HTTP, with a ConnectionDesk behind them over mutual TLS."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cwmcp.auth.v1.connection_service_pb2_grpc import ConnectionServiceStub
from starlette.routing import Route, Router

from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.connect.site import ConnectSite
from mcp_frontend.connect.views import PATH
from mcp_frontend.http_server import HttpListener, serving_http
from mcp_frontend.origins import AllowedOrigins
from servicekit.refusals import RefusalLog
from tests.kit.connection_desk import ConnectionDesk
from tests.kit.grpc_stack import GrpcStack
from tests.kit.ports import free_ports


@dataclass
class ConnectWorld:
    """What runs."""

    url: str
    """Of the pages' server, without a path."""
    desk: ConnectionDesk
    site: ConnectSite

    def link_for(self, person: str) -> str:
        """A link that `person` was given."""
        return f"{self.url}{PATH}/l/{self.desk.link_for(person)}"


@asynccontextmanager
async def connect_world(
    directory: Path, *, is_set_up: bool = True, issuers: tuple[str, ...] = ("https://idp.example.com",)
) -> AsyncIterator[ConnectWorld]:
    """All of it, while open. Not `is_set_up`: auth_service has no such service."""
    desk = ConnectionDesk()
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    grpc_stack = GrpcStack(directory)
    async with AsyncExitStack() as stack:
        services = [desk.hosted()] if is_set_up else []
        address = await stack.enter_async_context(grpc_stack.serving(*services))
        caller = await stack.enter_async_context(grpc_stack.calling(address))
        other_port = await stack.enter_async_context(
            serving_http(desk.app(), HttpListener("127.0.0.1", 0), before_stop=_nothing)
        )
        desk.base_url, desk.callback_url = f"http://localhost:{other_port}", f"{url}{PATH}/callback"
        site = ConnectSite(
            ConnectionServiceStub(caller.channel),
            ProtectedResource(f"{url}/mcp", issuers, ("aws:cloudwatch",)),
            AllowedOrigins(f"{url}/mcp", [], []),
            RefusalLog(logging.getLogger("test.refusals")),
        )

        async def stop() -> None:
            site.stop()

        app = Router([Route(PATH, site), Route(f"{PATH}/{{page:path}}", site)])
        await stack.enter_async_context(serving_http(app, HttpListener("127.0.0.1", port), before_stop=stop))
        yield ConnectWorld(url, desk, site)


async def _nothing() -> None:
    pass
