"""AWS as one user: the operations of the shared clients, signed with that user's keys, bounded and traced."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.errors import are_keys_refused, request_id, to_service_error
from cloudwatch_service.aws.session import Account, AwsService
from cloudwatch_service.aws.shared_clients import SharedClients, signing_as
from servicekit.deadlines import remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.telemetry import attributes

_tracer: Final = trace.get_tracer("cloudwatch_service.aws")
_CALL_TIMEOUT_S: Final = 60.0
_DETACHED_TIMEOUT_S: Final = 10.0


class UserKeys(Protocol):
    """The current keys of one user in one account, and the bound on that user's concurrent calls."""

    @property
    def bulkhead(self) -> asyncio.Semaphore:
        """Held during each AWS call."""
        ...

    async def current(self) -> IssuedCredentials:
        """Keys that are good now. Raises ServiceError."""
        ...

    def discard(self, refused: IssuedCredentials) -> None:
        """Forget keys that AWS does not accept."""
        ...


class PooledSession:
    """The UserSession that the pool hands out."""

    def __init__(
        self,
        clients: SharedClients,
        keys: UserKeys,
        account: Account,
        region: str,
        detach: Callable[[Awaitable[dict[str, Any]]], Awaitable[dict[str, Any]]],
    ) -> None:
        self._clients = clients
        self._keys = keys
        self._account = account
        self._region = region
        self._detach = detach

    @property
    def account(self) -> Account:
        """The account that calls act on."""
        return self._account

    @property
    def region(self) -> str:
        """The region that calls go to."""
        return self._region

    async def call(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """See UserSession."""
        return await self._call(service, operation, parameters, remaining_s(at_most_s=_CALL_TIMEOUT_S))

    async def call_detached(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """See UserSession."""
        return await self._detach(self._call(service, operation, parameters, _DETACHED_TIMEOUT_S))

    async def _call(
        self, service: AwsService, operation: str, parameters: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        client = await self._clients.get(service, self._region)
        name = f"{service}:{client.meta.method_to_api_mapping[operation]}"
        try:
            async with asyncio.timeout(timeout_s), self._keys.bulkhead:
                credentials = await self._keys.current()
                try:
                    return await self._send(client, operation, name, parameters, credentials)
                except ClientError as error:
                    if not are_keys_refused(error):
                        raise
                self._keys.discard(credentials)
                return await self._send(client, operation, name, parameters, await self._keys.current())
        except (ClientError, BotoCoreError) as error:
            raise to_service_error(error, name) from error
        except TimeoutError as error:
            message = f"AWS did not answer {name} within {timeout_s:.0f} s"
            raise ServiceError(Reason.DEADLINE_EXCEEDED, message, details={"operation": name}) from error

    async def _send(
        self, client: Any, operation: str, name: str, parameters: dict[str, Any], credentials: IssuedCredentials
    ) -> dict[str, Any]:
        """One call in one span. The span tells account, region, request id and error code, never AWS's words."""
        facts = {
            attributes.CLOUD_REGION: self._region,
            attributes.AWS_ACCOUNT_ID: self._account.account_id,
            attributes.AWS_ACCOUNT_ALIAS: self._account.alias,
        }
        with _tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                with signing_as(credentials.keys):
                    answer: dict[str, Any] = await getattr(client, operation)(**parameters)
            except BaseException as error:
                code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
                span.set_attribute(attributes.ERROR_TYPE, code or type(error).__name__)
                span.set_attribute(attributes.AWS_REQUEST_ID, request_id(error) if isinstance(error, Exception) else "")
                span.set_status(StatusCode.ERROR)
                raise
            span.set_attribute(attributes.AWS_REQUEST_ID, answer["ResponseMetadata"].get("RequestId", ""))
            return answer
