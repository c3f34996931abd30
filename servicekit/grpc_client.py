"""Opens channels to our own services: mTLS with the expected name, round robin, retries only where they are safe."""

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

import grpc

from servicekit.grpc_calls import MAX_METADATA_BYTES
from servicekit.telemetry.grpc_tracing import StreamTracing, UnaryTracing
from servicekit.tls import TlsFiles, channel_credentials

MAX_RESPONSE_BYTES: Final = 32 << 20


@asynccontextmanager
async def connected(
    target: str, server_name: str, tls: TlsFiles, *, retried_methods: Collection[tuple[str, str]] = ()
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `target` while open, to servers whose certificate names `server_name`.

    `retried_methods` are (service, method) pairs that change nothing, or the same thing twice, when sent again; they
    are tried up to three times when the server is unavailable, within the call's deadline. Raises CertificateError.
    """
    channel = grpc.aio.secure_channel(
        target,
        channel_credentials(tls),
        options=[
            ("grpc.ssl_target_name_override", server_name),
            ("grpc.service_config", json.dumps(_service_config(retried_methods))),
            ("grpc.enable_retries", 1),
            ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            # A service that comes back is found again within two seconds, not gRPC's two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            # Also the time that one attempt to connect may take: a TLS handshake with a busy service is slow.
            ("grpc.min_reconnect_backoff_ms", 2_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.dns_min_time_between_resolutions_ms", 2_000),
        ],
        interceptors=[UnaryTracing(), StreamTracing()],
    )
    try:
        yield channel
    finally:
        await channel.close(grace=None)


def _service_config(retried_methods: Collection[tuple[str, str]]) -> dict[str, object]:
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retried_methods:
        config["methodConfig"] = [
            {
                "name": [{"service": service, "method": method} for service, method in retried_methods],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    return config
