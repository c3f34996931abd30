"""AWS as one user: the operations of the shared clients, signed with that user's keys, bounded and traced."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.errors import (
    are_keys_refused,
    broken_answer,
    request_id,
    to_service_error,
    too_large_answer,
)
from cloudwatch_service.aws.promql.answers import MAX_ANSWER_BYTES, AnswerTooLargeError
from cloudwatch_service.aws.session import Account, AwsService, QueryAdmission
from cloudwatch_service.aws.shared_clients import SharedClients, signing_as
from servicekit.deadlines import remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.telemetry import attributes

_tracer: Final = trace.get_tracer("cloudwatch_service.aws")
_CALL_TIMEOUT_S: Final = 60.0
_ENDED: Final = frozenset({Reason.ASSERTION_INVALID, Reason.TOKEN_EXPIRED})
_DETACHED_TIMEOUT_S: Final = 20.0
_DONE_FOR_ENDED_SIGN_INS: Final = frozenset({"stop_query"})  # a query would run on, and cost


class UserKeys(Protocol):
    """The current keys of one user in one account, and the bound on that user's concurrent calls."""

    @property
    def bulkhead(self) -> asyncio.Semaphore:
        """Held during each AWS call."""
        ...

    @property
    def detached_bulkhead(self) -> asyncio.Semaphore:
        """Held during each detached AWS call instead, so that stopping something never waits behind other calls."""
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
        credentials: IssuedCredentials,
        region: str,
        detach: Callable[[Awaitable[dict[str, Any]]], Awaitable[dict[str, Any]]],
        user_id: str,
        scan_control: QueryAdmission,
        check_sign_in: Callable[[], None],
    ) -> None:
        """`check_sign_in` raises TOKEN_REVOKED once the sign-in by which the session was opened was ended."""
        self._clients = clients
        self._keys = keys
        self._credentials = credentials
        self._region = region
        self._detach = detach
        self._user_id = user_id
        self._scan_control = scan_control
        self._check_sign_in = check_sign_in

    @property
    def account(self) -> Account:
        """The account that calls act on."""
        return self._credentials.account

    @property
    def region(self) -> str:
        """The region that calls go to."""
        return self._region

    @property
    def user_id(self) -> str:
        """Whose session it is."""
        return self._user_id

    @property
    def scan_control(self) -> QueryAdmission:
        """See UserSession."""
        return self._scan_control

    async def call(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """See UserSession."""
        timeout_s = remaining_s(at_most_s=_CALL_TIMEOUT_S)
        client, name = await self._find(service, operation)
        with _as_service_errors(name, timeout_s):
            turns = self._clients.turns(service, self._region)
            async with asyncio.timeout(timeout_s), self._keys.bulkhead, turns.turn(self._user_id):
                return await self._call(client, operation, name, parameters, self._current, None)

    async def call_detached(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """See UserSession."""
        return await self._detach(self._call_detached(service, operation, parameters))

    async def _call_detached(self, service: AwsService, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The timeout is for AWS alone: what waited for its turn or for keys must not be cut off while AWS works."""
        client, name = await self._find(service, operation)
        with _as_service_errors(name, _DETACHED_TIMEOUT_S):
            async with self._keys.detached_bulkhead:
                return await self._call(client, operation, name, parameters, self._current_or_last, _DETACHED_TIMEOUT_S)

    async def _call(
        self,
        client: Any,
        operation: str,
        name: str,
        parameters: dict[str, Any],
        current: Callable[[], Awaitable[IssuedCredentials]],
        timeout_s: float | None,
    ) -> dict[str, Any]:
        """One call, and a second one with other keys when AWS does not accept the first."""
        credentials = await current()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(client, operation, name, parameters, credentials)
        except ClientError as error:
            if not are_keys_refused(error):
                raise
        self._keys.discard(credentials)
        credentials = await current()
        async with asyncio.timeout(timeout_s):
            return await self._send(client, operation, name, parameters, credentials)

    async def _find(self, service: AwsService, operation: str) -> tuple[Any, str]:
        """The shared client for the call, and the operation's name in the way of IAM."""
        client = await self._clients.get(service, self._region)
        return client, f"{service}:{client.meta.method_to_api_mapping[operation]}"

    async def _current(self) -> IssuedCredentials:
        """Keys for the session's account: the newest, or the session's last when its assertion ended during the call.

        Raises ServiceError, also when the alias meanwhile means another account or no longer admits the region: neither
        page tokens nor query ids of the one have a meaning in the other.
        """
        try:
            credentials = await self._keys.current()
        except ServiceError as error:
            if error.reason not in _ENDED:
                raise
            return self._credentials
        if not _means_the_same(credentials.account, self.account, self._region):
            raise ServiceError(Reason.UNAVAILABLE, "the account was changed during the call; ask again")
        self._credentials = credentials
        return credentials

    async def _current_or_last(self) -> IssuedCredentials:
        """As `_current`, but the session's last keys where it fails: a query is stopped where and as it was started."""
        try:
            return await self._current()
        except ServiceError:
            return self._credentials

    async def _send(
        self, client: Any, operation: str, name: str, parameters: dict[str, Any], credentials: IssuedCredentials
    ) -> dict[str, Any]:
        """One call in one span. The span tells account, region, request id and error code, never AWS's words."""
        facts = {
            attributes.CLOUD_REGION: self._region,
            attributes.AWS_ACCOUNT_ID: credentials.account.account_id,
            attributes.AWS_ACCOUNT_ALIAS: credentials.account.alias,
        }
        with _tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                check = None if operation in _DONE_FOR_ENDED_SIGN_INS else self._check_sign_in
                with signing_as(credentials.keys, check):
                    answer: dict[str, Any] = await getattr(client, operation)(**parameters)
            except BaseException as error:
                code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
                span.set_attribute(attributes.ERROR_TYPE, code or type(error).__name__)
                span.set_attribute(attributes.AWS_REQUEST_ID, request_id(error) if isinstance(error, Exception) else "")
                span.set_status(StatusCode.ERROR)
                raise
            span.set_attribute(attributes.AWS_REQUEST_ID, answer["ResponseMetadata"].get("RequestId", ""))
            return answer


def _means_the_same(now: Account, before: Account, region: str) -> bool:
    is_same = (now.alias, now.account_id, now.partition) == (before.alias, before.account_id, before.partition)
    return is_same and (not now.regions or region in now.regions)


@contextmanager
def _as_service_errors(name: str, timeout_s: float) -> Iterator[None]:
    """Turn what a call to AWS raises inside into a ServiceError."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise to_service_error(error, name) from error
    except TimeoutError as error:
        message = f"AWS did not answer {name} within {timeout_s:.0f} s"
        raise ServiceError(Reason.DEADLINE_EXCEEDED, message, details={"operation": name}) from error
    except AnswerTooLargeError as error:
        raise too_large_answer(name, MAX_ANSWER_BYTES) from error
    except ResponseParserError as error:
        raise broken_answer(name) from error
