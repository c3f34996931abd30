"""The HTTP server: reads a request, finds out who signed it, lets the script have its say, answers in AWS's format.

async with FakeAws() as aws:
    client = session.client("sts", endpoint_url=aws.endpoint_url, **aws.service_credentials, region_name="us-east-1")
"""

import json
import ssl
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from tests.kit.fake_aws import control, promql, query_json
from tests.kit.fake_aws.accounts import Account, default_account
from tests.kit.fake_aws.cloudwatch import CloudWatch
from tests.kit.fake_aws.keys import Key, KeyRing
from tests.kit.fake_aws.logs import Logs
from tests.kit.fake_aws.script import Disconnect, Script
from tests.kit.fake_aws.signature import Claim, Signed, access_denied, authenticate, parse_authorization
from tests.kit.fake_aws.sts import Sts
from tests.kit.fake_aws.wire import AwsError, Call, Protocol, parse_form, render, render_error

DEFAULT_ACCOUNTS: Final = ("111111111111", "222222222222")
SERVICE_ACCOUNT: Final = "999988887777"
SERVICE_KEY: Final = ("AKIASERVICEIDENTITY0", "service-secret-0123456789abcdefghijklmno")
_SERVICES: Final = {"sts": "sts", "monitoring": "cloudwatch", "logs": "logs"}
_UNSIGNED_OPERATIONS: Final = frozenset({"AssumeRoleWithWebIdentity"})
_SECRET_HEADERS: Final = frozenset({"authorization", "x-amz-security-token"})
_MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_CONTENT_TYPES: Final[dict[Protocol, str]] = {
    "query": "text/xml",
    "query_json": query_json.CONTENT_TYPE,
    "json": "application/x-amz-json-1.1",
    "promql": "application/json",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was answered. `account_id` is empty when nobody known signed it."""

    account_id: str
    access_key_id: str
    service: str
    operation: str
    region: str
    status: int
    error_code: str | None
    request_id: str
    headers: dict[str, str] = field(repr=False)
    parameters: dict[str, Any] = field(repr=False)


class FakeAws(Script):
    """AWS on a random loopback port: STS, CloudWatch and CloudWatch Logs for a few accounts."""

    def __init__(
        self,
        *,
        account_ids: Iterable[str] = DEFAULT_ACCOUNTS,
        service_access_key_id: str = SERVICE_KEY[0],
        service_secret_access_key: str = SERVICE_KEY[1],
        service_account_id: str = SERVICE_ACCOUNT,
        external_ids: Mapping[str, str] | None = None,
        verify_signatures: bool = True,
        request_log_length: int = 10_000,
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.verify_signatures = verify_signatures
        self.accounts: dict[str, Account] = {name: default_account(name, clock) for name in account_ids}
        self.keys = KeyRing(clock)
        arn = f"arn:aws:iam::{service_account_id}:role/auth-service"
        self._service_key = self.keys.add(
            Key(service_access_key_id, service_secret_access_key, service_account_id, arn, "AIDASERVICE")
        )
        self.sts: Sts = Sts(self.keys, self._service_key, self.accounts)
        self.sts.external_ids.update(external_ids or {})
        self.accounts.setdefault(service_account_id, Account(service_account_id, clock))
        self.cloudwatch: CloudWatch = CloudWatch(self.accounts)
        self.logs: Logs = Logs(self.accounts, clock)
        self.requests: deque[Request] = deque(maxlen=request_log_length)
        self.request_counts: Counter[tuple[str, str]] = Counter()
        self._operations: dict[
            str, Mapping[str, Callable[[Call], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]]
        ] = {
            "sts": self.sts.operations,
            "cloudwatch": self.cloudwatch.operations,
            "logs": self.logs.operations,
        }
        self._port = port
        self._ssl_context = ssl_context
        self._runner: web.ServerRunner | None = None
        self.endpoint_url = ""

    @property
    def service_credentials(self) -> dict[str, str]:
        """The service identity's permanent key, as arguments of a client."""
        key = self._service_key
        return {"aws_access_key_id": key.access_key_id, "aws_secret_access_key": key.secret_access_key}

    def issue(self, account_id: str, session_name: str = "test", *, lifetime_s: float = 3_600.0) -> dict[str, str]:
        """Session credentials of an account without asking STS, as arguments of a client."""
        if account_id not in self.accounts:
            raise KeyError(f"no account {account_id}: add_account first")
        arn = f"arn:aws:sts::{account_id}:assumed-role/issued/{session_name}"
        key = self.keys.mint(account_id, arn, f"AROAISSUED:{session_name}", self.keys.clock() + lifetime_s)
        return {
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret_access_key,
            "aws_session_token": key.session_token or "",
        }

    def add_account(self, account_id: str) -> Account:
        """One more account with default data."""
        account = self.accounts[account_id] = default_account(account_id, self.keys.clock)
        return account

    def renew(self) -> None:
        """Every account but the service's own with default data; no script, no plans, no log. Keys stay good."""
        for name in self.accounts:
            if name != self._service_key.account_id:
                self.add_account(name)
        self.clear_script()
        self.forget_requests()
        self.logs.insights.forget()

    @property
    def running_queries(self) -> list[Any]:
        """The Insights queries that nobody stopped and that did not end."""
        return self.logs.running_queries

    def calls_of(self, operation: str) -> list[Request]:
        """The logged requests of one operation, such as "logs:StartQuery"."""
        return [each for each in self.requests if f"{each.service}:{each.operation}" == operation]

    def forget_requests(self) -> None:
        """Empty the request log and its counts."""
        self.requests.clear()
        self.request_counts.clear()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._ssl_context, backlog=1_024).start()
        scheme = "https" if self._ssl_context else "http"
        self.endpoint_url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear_script()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            return await control.handle(self, request)
        body = await request.read()
        claim = parse_authorization(request.headers.get("Authorization", ""))
        call = _read_call(request, body, claim)
        headers = {"x-amzn-requestid": call.request_id, "Content-Type": _CONTENT_TYPES[call.protocol]}
        error_code = None
        try:
            status, payload = 200, _rendered(call, await self._perform(call, request, body, claim))
        except AwsError as error:
            status, error_code = error.status, error.code
            if call.protocol == "query_json":
                payload, further_headers = query_json.render_error(call.service, error)
                headers |= further_headers
            else:
                payload = render_error(call.protocol, call.service, call.request_id, error)
        except Disconnect:
            status, error_code, payload = 0, "Disconnect", b""
        self._log(call, request, claim, status, error_code)
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(body=payload, status=status or 500, headers=headers)

    async def _perform(
        self, call: Call, request: web.BaseRequest, body: bytes, claim: Claim | None
    ) -> Mapping[str, Any] | bytes:
        if len(body) > _MAX_BODY_BYTES:
            raise AwsError("RequestEntityTooLarge", 413, "The request is too large.")
        if call.operation not in _UNSIGNED_OPERATIONS:
            signed = Signed(request.method, _raw_path(request), request.rel_url.raw_query_string, request.headers, body)
            key = authenticate(self.keys, claim, signed, call.protocol, verify=self.verify_signatures)
            call.caller, call.account_id = key, key.account_id
            action = f"{call.service}:{call.operation}"
            if call.protocol != "promql" and not key.allows(action):  # PromQL goes by actions of other names
                raise access_denied(call.protocol, key.arn, action)
        scripted = await self.play(call)
        if scripted is not None:
            return scripted
        if call.protocol == "promql":
            return promql.answer(self.accounts[call.account_id], call)
        operation = self._operations.get(call.service, {}).get(call.operation)
        if operation is None:
            code = "InvalidAction" if call.protocol == "query" else "UnknownOperationException"
            raise AwsError(code, 400, f"Could not find operation {call.operation}")
        outcome = operation(call)
        return await outcome if isinstance(outcome, Awaitable) else outcome

    def _log(
        self, call: Call, request: web.BaseRequest, claim: Claim | None, status: int, error_code: str | None
    ) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.request_counts[call.account_id, call.name] += 1
        self.requests.append(
            Request(
                account_id=call.account_id,
                access_key_id=claim.access_key_id if claim else "",
                service=call.service,
                operation=call.operation,
                region=call.region,
                status=status,
                error_code=error_code,
                request_id=call.request_id,
                headers={name: value for name, value in headers.items() if name not in _SECRET_HEADERS},
                parameters=call.parameters,
            )
        )


def _read_call(request: web.BaseRequest, body: bytes, claim: Claim | None) -> Call:
    target = request.headers.get("X-Amz-Target", "")
    service = _SERVICES.get(claim.signing_name, claim.signing_name) if claim else "sts"
    protocol: Protocol = "query"
    prefix, _, operation = target.rpartition(".")
    if prefix in query_json.TARGETS:
        protocol, service = "query_json", query_json.TARGETS[prefix]
        parameters = query_json.read(service, operation, _json_object(body))
    elif target:
        protocol, service = "json", "logs" if target.startswith("Logs_") else service
        parameters = _json_object(body)
    elif request.path.startswith(promql.PREFIX):
        protocol = "promql"
        operation, parameters = promql.read(_raw_path(request), request.rel_url.raw_query_string, body)
    else:
        parameters = parse_form(body.decode("utf-8", "replace"))
        operation = str(parameters.get("Action", ""))
    region = claim.region if claim else ""
    return Call(service, operation, protocol, region, "", None, parameters, str(uuid.uuid4()))


def _raw_path(request: web.BaseRequest) -> str:
    """The path as it came, with its percent-encoding."""
    return request.raw_path.partition("?")[0]


def _rendered(call: Call, result: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(result, bytes):
        return result
    if call.protocol == "query_json":
        return query_json.render(call.service, call.operation, result)
    return render(call, result)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = {}
    return parsed if isinstance(parsed, dict) else {}
