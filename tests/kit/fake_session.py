"""AWS as scripted by a test: a UserSession and a SessionSource that answer from lists. It must not imitate AWS.

Parameters are checked against botocore's models, so that a test cannot agree to a call that AWS would not understand.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel
from botocore.validate import validate_parameters

from cloudwatch_service.aws.insights.scan_control import ScanControl
from cloudwatch_service.aws.session import Account, AwsService
from cloudwatch_service.aws.shared_clients import OWN_MODELS
from servicekit.errors import Reason, ServiceError

Answer = dict[str, Any] | Exception | Callable[[Mapping[str, Any]], dict[str, Any] | Awaitable[dict[str, Any]]]

ACCOUNT = Account("prod", "111122223333", "Production", ("eu-west-1", "us-east-1"), "eu-west-1", is_default=True)


@dataclass(frozen=True)
class RecordedCall:
    """One call that reached AWS."""

    service: AwsService
    operation: str
    parameters: dict[str, Any]
    detached: bool


@dataclass
class FakeSession:
    """Answers each operation from its list, in order; an operation without an answer left fails the test.

    An exception in the list is raised, a function is called with the parameters (and awaited).
    """

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    account: Account = ACCOUNT
    region: str = "eu-west-1"
    user_id: str = "u-tester"
    scan_control: ScanControl = field(default_factory=ScanControl)
    """Without limits, unless a test gives some."""
    calls: list[RecordedCall] = field(default_factory=list)

    async def call(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._answer(RecordedCall(service, operation, parameters, detached=False))

    async def call_detached(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._answer(RecordedCall(service, operation, parameters, detached=True))

    def calls_of(self, operation: str) -> list[RecordedCall]:
        return [call for call in self.calls if call.operation == operation]

    def parameters_of(self, operation: str) -> list[dict[str, Any]]:
        return [call.parameters for call in self.calls_of(operation)]

    async def _answer(self, call: RecordedCall) -> dict[str, Any]:
        self.calls.append(call)
        shape = _operations(call.service)[call.operation].input_shape
        assert shape is not None
        validate_parameters(call.parameters, shape)
        left = self.answers.get(call.operation, [])
        assert left, f"the test scripted no answer for this {call.operation}: {call.parameters}"
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            result = answer(call.parameters)
            return await result if inspect.isawaitable(result) else result
        return answer


@dataclass
class FakeSessions:
    """Opens `session` for everybody, or refuses with `refusal`."""

    session: FakeSession = field(default_factory=FakeSession)
    accounts: list[Account] = field(default_factory=lambda: [ACCOUNT])
    refusal: ServiceError | None = None
    opened: list[tuple[str, str]] = field(default_factory=list)
    open_now: int = 0

    @asynccontextmanager
    async def open(self, account_alias: str, region: str) -> AsyncIterator[FakeSession]:
        self.opened.append((account_alias, region))
        if self.refusal:
            raise self.refusal
        self.open_now += 1
        try:
            yield self.session
        finally:
            self.open_now -= 1

    async def list_accounts(self) -> list[Account]:
        if self.refusal:
            raise self.refusal
        return self.accounts


@cache
def _operations(service: AwsService) -> dict[str, OperationModel]:
    """The operations of a service by the names that clients give them."""
    session = botocore.session.get_session()
    session.get_component("data_loader").search_paths.insert(0, OWN_MODELS)
    model = session.get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def denied(operation: str) -> ServiceError:
    """What the pool raises when AWS refuses `operation`."""
    details = {"aws_error_code": "AccessDeniedException", "operation": operation, "aws_request_id": "req-1"}
    return ServiceError(Reason.AWS_ACCESS_DENIED, f"AWS refused {operation}", details=details)
