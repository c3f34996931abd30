"""The floor under one call: the least that the same libraries need for the same hops, doing nothing in them.

`python -m tests.benchmarks.floor` serves it: an MCP server of the SDK with a tool that does nothing, and a gRPC server
with mTLS and a health check. It prints one JSON line with the ports.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import mcp_types as types
import uvicorn
import uvloop
from grpc_health.v1 import health, health_pb2_grpc
from mcp.server.lowlevel import Server
from starlette.applications import Starlette

from servicekit.tls import TlsFiles, server_credentials
from tests.kit.ports import free_port


def _mcp_application() -> Starlette:
    async def list_tools(_context: Any, _parameters: Any) -> types.ListToolsResult:
        schema = {"type": "object", "properties": {}}
        return types.ListToolsResult(tools=[types.Tool(name="nothing", description="nothing", input_schema=schema)])

    async def call_tool(_context: Any, _parameters: Any) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text="{}")], structured_content={})

    server: Server[Any] = Server("floor", on_list_tools=list_tools, on_call_tool=call_tool)
    return server.streamable_http_app(json_response=True, stateless_http=True)


async def serve(directory: Path) -> None:
    """Serve until killed, with the certificate of auth-service in `directory`."""
    tls = TlsFiles(directory / "auth-service.pem", directory / "auth-service.key", directory / "ca.pem")
    grpc_server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), grpc_server)
    grpc_port = grpc_server.add_secure_port("127.0.0.1:0", server_credentials(tls))
    await grpc_server.start()
    port = free_port()
    print(json.dumps({"mcp_url": f"http://127.0.0.1:{port}/mcp", "grpc_port": grpc_port}), flush=True)
    config = uvicorn.Config(
        _mcp_application(), host="127.0.0.1", port=port, http="httptools", access_log=False, log_level="warning"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    sys.exit(uvloop.run(serve(parser.parse_args().directory)) or 0)
