"""The MCP resources: alarms and log groups by address. No HTTP, no tokens, no AWS."""

from mcp_frontend.resources.addresses import parse_address
from mcp_frontend.resources.catalog import MIME_TYPE, RESOURCES, TEMPLATES, variables_of
from mcp_frontend.resources.reading import read

__all__ = ["MIME_TYPE", "RESOURCES", "TEMPLATES", "parse_address", "read", "variables_of"]
