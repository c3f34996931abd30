"""One aioboto3 client per (service, region) that owns no credentials; every call is signed as exactly one user.

How a call gets its signature: `signing_as` names the user's keys for the calls made inside it; botocore's public event
`before-sign` hands them to the signer; `before-send` compares the key in the signed request with them. A call that
nobody signs for fails closed, because the clients were made without any credentials and no provider is consulted.
See docs/adr/0007-credentialless-clients.md; tests/contract/test_botocore_signing.py pins what is relied on.
"""

import asyncio
import datetime as dt
import random
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import aioboto3
import aiobotocore.session
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentialResolver, AioCredentials
from botocore.exceptions import ClientError, NoCredentialsError

from cloudwatch_service.aws.answers import AnswerParsers
from cloudwatch_service.aws.metrics.columns import OUTPUT_SHAPE, parse_metric_data
from cloudwatch_service.aws.session import AwsService
from servicekit.aws_http import UnredirectedHttpSession
from servicekit.fair_turns import FairTurns
from servicekit.worker_processes import WorkerProcesses

OWN_MODELS: Final = str(Path(__file__).parent / "models")
"""Service models for botocore's loader, of what it has none of."""
_SIGNED_BY: Final = re.compile(r"Credential=([^/]+)/")
_MAX_ATTEMPTS: Final = 3
_MAX_WORKERS: Final = 2
_RESERVED_CONNECTIONS: Final = 20
_UNAVAILABLE: Final = 503


class _Binding:
    """The keys of one call while it lasts, then none: connections and tasks keep the context in which they began."""

    __slots__ = ("check", "keys")

    def __init__(self, keys: AioCredentials, check: Callable[[], None] | None) -> None:
        self.keys: AioCredentials | None = keys
        self.check = check


_binding: ContextVar[_Binding | None] = ContextVar("cwmcp-aws-keys", default=None)


class ForeignSignatureError(Exception):
    """A request was signed by other keys than its user's. Never sent; a defect."""


@contextmanager
def signing_as(keys: AioCredentials, check: Callable[[], None] | None = None) -> Iterator[None]:
    """Sign the AWS calls made inside with these keys; what was started inside can sign nothing any more afterwards.

    `check` is asked each time that a request is about to be sent, and keeps it from being sent by raising.
    """
    binding = _Binding(keys, check)
    token = _binding.set(binding)
    try:
        yield
    finally:
        binding.keys = None
        _binding.reset(token)


class SharedClients:
    """The clients of this process, made on first use and closed together."""

    def __init__(self, *, max_connections: int = 200, connect_timeout_s: float = 3.0, read_timeout_s: float = 30.0):
        """`max_connections` to each service in each region, and a few more for what must not wait for them."""
        self._workers = WorkerProcesses(_MAX_WORKERS)
        parsers = AnswerParsers(parse_timestamp, self._workers, {OUTPUT_SHAPE: parse_metric_data})
        session = aiobotocore.session.AioSession()
        # No environment, no files, no instance metadata: there is nothing that could provide credentials.
        session.register_component("credential_provider", AioCredentialResolver(providers=[]))
        session.register_component("response_parser_factory", parsers)
        session.get_component("data_loader").search_paths.insert(0, OWN_MODELS)
        self._session = aioboto3.Session(botocore_session=session)
        self._botocore_session = session
        self._config = AioConfig(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            # Not "standard": its retries come from a quota of the client, which one throttled user would use up.
            retries={"mode": "legacy", "total_max_attempts": _MAX_ATTEMPTS},
            max_pool_connections=max_connections + _RESERVED_CONNECTIONS,
            parameter_validation=True,
            http_session_cls=UnredirectedHttpSession,
            user_agent_extra=f"cloudwatch-mcp/{version('cloudwatch-mcp')}",
        )
        self._max_connections = max_connections
        self._turns: dict[tuple[AwsService, str], FairTurns] = {}
        self._clients: dict[tuple[AwsService, str], Any] = {}
        self._opening: dict[tuple[AwsService, str], asyncio.Task[Any]] = {}
        self._regions: dict[str, frozenset[str]] = {}
        self._stack = AsyncExitStack()

    async def regions(self, partition: str) -> frozenset[str]:
        """The regions of an AWS partition in which CloudWatch Logs can be asked."""
        known = self._regions.get(partition)
        if known is None:
            names = await self._botocore_session.get_available_regions("logs", partition_name=partition)
            known = self._regions[partition] = frozenset(names)
        return known

    async def get(self, service: AwsService, region: str) -> Any:
        """The shared client; calls on it must be made inside `signing_as`."""
        client = self._clients.get((service, region))
        if client is not None:
            return client
        task = self._opening.get((service, region))
        if task is None:
            task = self._opening[service, region] = asyncio.create_task(self._open(service, region))
            task.add_done_callback(lambda _: self._opening.pop((service, region), None))
        return await asyncio.shield(task)

    def turns(self, service: AwsService, region: str) -> FairTurns:
        """Turns at the connections of a shared client. Calls that take none have the reserved connections."""
        return self._turns.setdefault((service, region), FairTurns(self._max_connections))

    async def close(self) -> None:
        """Close every client and its connections."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        self._clients.clear()
        await self._stack.aclose()
        await self._workers.close()

    async def _open(self, service: AwsService, region: str) -> Any:
        client = await self._stack.enter_async_context(
            self._session.client(
                service,
                region_name=region,
                config=self._config,
                endpoint_url=await self._endpoint_url(service, region),
            )
        )
        event_name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-sign.{event_name}", _bind)
        client.meta.events.register_last(f"before-send.{event_name}", _compare)
        client.meta.events.register_first(f"needs-retry.{event_name}.StartQuery", _start_once)
        self._clients[service, region] = client
        return client

    async def _endpoint_url(self, service: AwsService, region: str) -> str | None:
        """Where the service is, when botocore cannot know: PromQL is on CloudWatch's own host, wherever that is."""
        if service != "promql":
            return None
        cloudwatch = await self.get("cloudwatch", region)
        url: str = cloudwatch.meta.endpoint_url
        return url


def _current_keys() -> AioCredentials | None:
    binding = _binding.get()
    return binding.keys if binding else None


def _bind(request: Any, **_: Any) -> None:
    """Give the signer the keys of the call's user. Raises NoCredentialsError outside `signing_as`."""
    keys = _current_keys()
    if keys is None:
        raise NoCredentialsError
    request.context.setdefault("signing", {})["request_credentials"] = keys


def _compare(request: Any, **_: Any) -> None:
    """Refuse to send what is signed by anything but the keys of the user. Raises ForeignSignatureError.

    Then the caller's own check, as late as can be: only a connection may still have to be made.
    """
    keys = _current_keys()
    header = request.headers.get("Authorization", b"")
    signed_by = _SIGNED_BY.search(header.decode() if isinstance(header, bytes) else header)
    if keys is None or signed_by is None or signed_by[1] != keys.access_key:
        raise ForeignSignatureError("a request was signed by other keys than its user's")
    binding = _binding.get()
    if binding is not None and binding.check is not None:
        binding.check()


def _start_once(
    operation: Any, response: Any, caught_exception: Exception | None, attempts: int, **_: Any
) -> float | None:
    """Do not send StartQuery again when it is open whether AWS took it: of two queries one would run unknown.

    Raises what happened. What AWS certainly did not take is left to botocore, which would not wait for a free place
    among the account's queries: the seconds until then are returned.
    """
    if caught_exception is not None:
        raise caught_exception
    http_response, parsed = response
    if http_response.status_code >= 500 and http_response.status_code != _UNAVAILABLE:
        raise ClientError(parsed, operation.name)
    no_place = parsed.get("Error", {}).get("Code") == "LimitExceededException"
    return random.uniform(0, attempts) if no_place and attempts < _MAX_ATTEMPTS else None  # noqa: S311 - no secret


def parse_timestamp(value: Any) -> dt.datetime:
    """AWS's ISO 8601 text or epoch seconds as an aware UTC datetime; ten times faster than botocore's default."""
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    try:
        parsed = dt.datetime.fromisoformat(value)
    except ValueError:
        return dt.datetime.fromtimestamp(float(value), dt.UTC)
    return parsed.replace(tzinfo=dt.UTC) if parsed.tzinfo is None else parsed.astimezone(dt.UTC)
