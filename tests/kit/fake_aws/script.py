"""What a test wants to go differently: hold, delay, fail, throttle, deny or answer operations by name.

An operation is named in the way of IAM ("logs:StartQuery"); "logs:*" and "*" match more. Rules apply after the
signature was checked, in the order in which they were given; a rule for an account leaves the others alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from tests.kit.fake_aws.signature import access_denied
from tests.kit.fake_aws.wire import AwsError, Call
from tests.kit.gate import Gate

Answer = Mapping[str, Any] | bytes | Callable[[Call], Mapping[str, Any]]
"""A result, what makes one of the call, or a body as it is."""
Effect = Callable[[Call], AwsError | None]

_THROTTLES = {
    "json": ("ThrottlingException", 400),
    "query": ("Throttling", 400),
    "query_json": ("Throttling", 400),
    "promql": ("Throttling", 429),
}


class Disconnect(Exception):
    """The connection is to be dropped without an answer."""


@dataclass(slots=True)
class Rule:
    """One wish: for which calls, how many times still (None: for ever), and what."""

    operation: str
    account_id: str | None
    times_left: int | None
    kind: Literal["gate", "delay", "fail", "answer", "disconnect"]
    gate: Gate | None = None
    delay_s: float = 0.0
    effect: Effect | None = None
    answer: Answer | None = None

    def fits(self, call: Call) -> bool:
        """Whether the rule is about this call."""
        if self.times_left == 0 or self.account_id not in (None, call.account_id):
            return False
        return self.operation == call.name or ("*" in self.operation and fnmatchcase(call.name, self.operation))

    def use(self) -> None:
        """Count one use."""
        if self.times_left is not None:
            self.times_left -= 1


class Script:
    """The rules in force. Mixed into the server, so that a test says `aws.throttle("sts:AssumeRole")`."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def hold(self, operation: str, *, account_id: str | None = None) -> Gate:
        """Hold such calls until the returned gate is released; `await gate.arrivals(n)` waits for them."""
        gate = Gate()
        self._rules.append(Rule(operation, account_id, None, "gate", gate=gate))
        return gate

    def delay(self, operation: str, delay_s: float, *, account_id: str | None = None) -> None:
        """Answer such calls late, for benchmarks; a test should `hold` instead."""
        self._rules.append(Rule(operation, account_id, None, "delay", delay_s=delay_s))

    def fail_next(
        self,
        operation: str,
        code: str = "InternalFailure",
        status: int = 500,
        message: str = "scripted failure",
        *,
        times: int | None = 1,
        account_id: str | None = None,
        **members: Any,
    ) -> None:
        """Answer the next `times` such calls (None: all) with this error; `members` go into its body."""
        error = AwsError(code, status, message, **members)
        self._rules.append(Rule(operation, account_id, times, "fail", effect=lambda _call: error))

    def throttle(self, operation: str, *, times: int | None = 1, account_id: str | None = None) -> None:
        """Answer the next `times` such calls with the service's throttling error."""

        def effect(call: Call) -> AwsError:
            code, status = _THROTTLES[call.protocol]
            return AwsError(code, status, "Rate exceeded")

        self._rules.append(Rule(operation, account_id, times, "fail", effect=effect))

    def deny(self, operation: str, *, account_id: str | None = None) -> None:
        """Refuse such calls, as a missing permission of the caller's role would."""

        def effect(call: Call) -> AwsError:
            return access_denied(call.protocol, call.caller.arn if call.caller else "anonymous", call.name)

        self._rules.append(Rule(operation, account_id, None, "fail", effect=effect))

    def answer(
        self, operation: str, answer: Answer, *, times: int | None = None, account_id: str | None = None
    ) -> None:
        """Answer such calls with this result, or what the function makes of the call; also for unknown operations."""
        self._rules.append(Rule(operation, account_id, times, "answer", answer=answer))

    def disconnect_next(self, operation: str, *, times: int | None = 1, account_id: str | None = None) -> None:
        """Drop the connection of the next `times` such calls instead of answering."""
        self._rules.append(Rule(operation, account_id, times, "disconnect"))

    def clear_script(self) -> None:
        """Forget every rule; whoever is held goes on."""
        for rule in self._rules:
            if rule.gate is not None:
                rule.gate.release()
        self._rules.clear()

    async def play(self, call: Call) -> Mapping[str, Any] | bytes | None:
        """Do what the rules say about the call. Returns the scripted answer, if any; raises the scripted failure."""
        if not self._rules:
            return None
        for rule in [rule for rule in self._rules if rule.fits(call)]:
            if not rule.fits(call):  # used up by another call meanwhile
                continue
            rule.use()
            if rule.gate is not None:
                await rule.gate.passage()
            elif rule.kind == "delay":
                await asyncio.sleep(rule.delay_s)
            elif rule.kind == "disconnect":
                raise Disconnect
            elif rule.effect is not None and (error := rule.effect(call)) is not None:
                raise error
            elif rule.answer is not None:
                return rule.answer(call) if callable(rule.answer) else rule.answer
        return None
