"""The MCP tools: what each takes, which RPC answers it and how the answer looks. No HTTP, no tokens, no AWS."""

from mcp_frontend.tools.registry import INSTRUCTIONS, TOOLS, definitions, find_tool

__all__ = ["INSTRUCTIONS", "TOOLS", "definitions", "find_tool"]
