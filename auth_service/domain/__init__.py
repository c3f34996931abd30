"""The rules of identity and access. Pure: no gRPC, no network, no AWS SDK; the time is an argument."""
