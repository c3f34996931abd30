"""The MCP prompts: texts that lead a model through the tools. No AWS, no HTTP, no users."""

from mcp_frontend.prompts.registry import PROMPTS, find_prompt

__all__ = ["PROMPTS", "find_prompt"]
