"""The stubs over one channel."""

from dataclasses import fields

import grpc

from mcp_frontend.backends import Backends
from tests.kit.fake_backends import STREAMED, FakeBackends


async def test_stubs_have_every_rpc_that_the_fake_has() -> None:
    channel = grpc.aio.secure_channel("localhost:1", grpc.ssl_channel_credentials())
    try:
        backends = Backends.over(channel)
        fake = FakeBackends().backends
        for service in (field.name for field in fields(Backends)):
            for rpc in vars(getattr(fake, service)):
                kind = grpc.aio.UnaryStreamMultiCallable if rpc in STREAMED else grpc.aio.UnaryUnaryMultiCallable
                assert isinstance(getattr(getattr(backends, service), rpc), kind), rpc
    finally:
        await channel.close()
