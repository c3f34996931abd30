"""The MCP edge: authenticates each HTTP request, turns tool calls into gRPC, and answers into words.

Keeps no secrets: no AWS keys, no signing keys, and a bearer only until it is checked.
"""
