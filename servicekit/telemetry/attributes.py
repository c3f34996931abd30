"""The only file that spells span attribute names.

OpenTelemetry semantic conventions 1.44 where they have a name; `cwmcp.*` where they have none.
"""

from typing import Final

USER_ID: Final = "user.id"
USER_ROLES: Final = "user.roles"
RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
HTTP_METHOD: Final = "http.request.method"
HTTP_PATH: Final = "url.path"
HTTP_STATUS: Final = "http.response.status_code"
CLIENT_ADDRESS: Final = "client.address"
USER_AGENT: Final = "user_agent.original"
MCP_METHOD: Final = "mcp.method.name"
RESOURCE_URI: Final = "mcp.resource.uri"
TOOL_NAME: Final = "gen_ai.tool.name"
AWS_REQUEST_ID: Final = "aws.request_id"
CLOUD_REGION: Final = "cloud.region"
AWS_ACCOUNT_ID: Final = "cwmcp.aws.account_id"
AWS_ACCOUNT_ALIAS: Final = "cwmcp.aws.account_alias"
PEER_NAMES: Final = "cwmcp.peer.san"
REASON: Final = "cwmcp.reason"
INSIGHTS_QUERY_ID: Final = "cwmcp.insights.query_id"
INSIGHTS_QUERY_STATUS: Final = "cwmcp.insights.status"
INSIGHTS_BYTES_SCANNED: Final = "cwmcp.insights.bytes_scanned"
