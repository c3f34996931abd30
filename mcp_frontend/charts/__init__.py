"""Charts as PNG files: what to draw, the process that draws, and how the frontend asks it. No MCP, no gRPC."""
