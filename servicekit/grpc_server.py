"""Builds a gRPC server that cannot be built unsafely: mTLS only, an allow-list for every service, health, limits.

`Server.layers` is the one place where the order around a handler is decided; a test asserts it.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from servicekit.grpc_calls import MAX_METADATA_BYTES, Call, Layer, LayeredCalls
from servicekit.grpc_layers import (
    AssertionCheck,
    Deadline,
    ErrorMapping,
    PeerAllowList,
    ServiceRules,
    SignInGate,
    UserVerification,
)
from servicekit.telemetry.grpc_tracing import ServerTracing
from servicekit.tls import TlsFiles, server_credentials

_log = logging.getLogger(__name__)
_HEALTH: Final = health.SERVICE_NAME
_REFLECTION: Final = reflection.SERVICE_NAME


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one server."""

    max_concurrent_calls: int = 1_000
    max_request_bytes: int = 1 << 20
    max_call_s: float = 120.0
    grace_period_s: float = 20.0


@dataclass(frozen=True)
class HostedService:
    """One gRPC service: its descriptor's full name, how to register its servicer, and its rules."""

    full_name: str
    register: Callable[[grpc.aio.Server], None]
    rules: ServiceRules


def layers(
    rules: Mapping[str, ServiceRules],
    max_call_s: float,
    check: AssertionCheck | None,
    audiences_of: Callable[[Call], Collection[str]],
    gate: SignInGate | None,
    inner: Sequence[Layer] = (),
) -> list[Layer]:
    """What surrounds every handler, outermost first; the service's own layers are `inner`, where the user is known.

    Raises ValueError when a service needs users and nobody checks.
    """
    chain: list[Layer] = [ServerTracing(), ErrorMapping(), PeerAllowList(rules), Deadline(max_call_s)]
    if check is not None and gate is not None:
        chain.append(UserVerification(rules, check, audiences_of, gate))
    elif any(rule.for_user for rule in rules.values()):
        raise ValueError("a service is for users but the server verifies none")
    return [*chain, *inner]


@asynccontextmanager
async def serving(
    address: str,
    tls: TlsFiles,
    services: Sequence[HostedService],
    limits: ServerLimits,
    *,
    check: AssertionCheck | None = None,
    audiences_of: Callable[[Call], Collection[str]] = lambda _: (),
    gate: SignInGate | None = None,
    inner: Sequence[Layer] = (),
) -> AsyncIterator[str]:
    """Serve `services` at `address` (host:port, port 0 for any) while open; yields the address in use.

    `inner` are layers of the service's own, between those that every server has and the handler.

    On exit health says NOT_SERVING, new calls are refused, and running ones have the grace period to end.
    Raises CertificateError, ValueError for a service without rules, OSError when the port cannot be had.
    """
    rules = {service.full_name: service.rules for service in services}
    rules |= {_HEALTH: ServiceRules(callers=None), _REFLECTION: ServiceRules(callers=None)}
    interceptor = LayeredCalls(layers(rules, limits.max_call_s, check, audiences_of, gate, inner))
    server = grpc.aio.server(
        interceptors=[interceptor],
        maximum_concurrent_rpcs=limits.max_concurrent_calls,
        options=_options(limits),
    )
    for service in services:
        service.register(server)
    statuses = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(statuses, server)
    reflection.enable_server_reflection([*rules], server)
    port = _bind(server, address, tls)
    await server.start()
    for name in ("", *(service.full_name for service in services)):
        await statuses.set(name, health_pb2.HealthCheckResponse.SERVING)
    bound = f"{address.rpartition(':')[0]}:{port}"
    _log.info("serving gRPC at %s", bound)
    try:
        yield bound
    finally:
        await statuses.enter_graceful_shutdown()
        await server.stop(limits.grace_period_s)
        _log.info("gRPC at %s stopped", bound)


def _bind(server: grpc.aio.Server, address: str, tls: TlsFiles) -> int:
    try:
        return server.add_secure_port(address, server_credentials(tls))
    except RuntimeError as error:
        raise OSError(f"cannot listen at {address}: {error}") from error


def _options(limits: ServerLimits) -> list[tuple[str, Any]]:
    """Channel arguments: message limits, and keepalive that admits ours and ends dead or very old connections."""
    return [
        ("grpc.max_receive_message_length", limits.max_request_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Connections are renewed now and then, so that load spreads over new replicas.
        ("grpc.max_connection_age_ms", 600_000),
        ("grpc.max_connection_age_grace_ms", 120_000),
    ]
