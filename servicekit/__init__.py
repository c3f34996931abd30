"""The runtime that the three services share: errors, identity, TLS, gRPC, tracing, lifecycle. It knows none of them."""
