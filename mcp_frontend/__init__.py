"""The MCP edge: authenticates each HTTP request, turns tool calls into gRPC and answers into words. Holds no secrets."""
