"""A call that both servers get, and what about the two answers may differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tests.interop.reasons import Reason
from tests.kit.fake_aws import Account, FakeAws

ACCOUNT: Final = "111111111111"
"""The account of the peer's keys, and the one that alice may use."""
OTHER_ACCOUNT: Final = "222222222222"
REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class World:
    """The fake AWS before a call."""

    aws: FakeAws

    @property
    def account(self) -> Account:
        """What the asked account holds."""
        return self.aws.accounts[ACCOUNT]


Preparation = Callable[[World], object]
Moment = Callable[[datetime], Any]
"""What a time in an argument is, given the beginning of the day on which the comparison runs."""


def ago(days: float, *, hours: float = 0) -> Moment:
    """So many days before today, and so many hours later, as ISO text."""
    return lambda today: (today - timedelta(days=days) + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the comparison.

    In `arguments` a function of today's beginning stands for a time. `holds` prepares the fake AWS, afresh for each
    server. `cause` is a word that the text of a failure must have to say why it failed. `differs` holds a reason for
    each path that differs, and none for another; a path may end in "*". A case that `is_slow` makes the peer wait: all
    of those are asked at once, and what one of them holds must suit the others.
    """

    tool: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    holds: Preparation | None = None
    cause: str | None = None
    is_slow: bool = False
    differs: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name for test runners."""
        return f"{self.tool}: {self.name}"

    def arguments_on(self, today: datetime) -> dict[str, Any]:
        """The arguments with the times of that day."""
        return {name: value(today) if callable(value) else value for name, value in self.arguments.items()}


def all_of(*preparations: Preparation) -> Preparation:
    """One preparation of several."""

    def prepare(world: World) -> None:
        for each in preparations:
            each(world)

    return prepare


def deny(operation: str) -> Preparation:
    """The role may not do it."""
    return lambda world: world.aws.deny(operation)


def answer(operation: str, result: Any) -> Preparation:
    """AWS says this, whatever is asked; `result` is an answer or a function of the call."""
    return lambda world: world.aws.answer(operation, result)
