"""A client pool for tests: keys are numbers, the clock stands until it is set, nothing reaches AWS."""

import asyncio
from typing import Any

from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.session import Account
from servicekit.errors import ServiceError
from servicekit.identity import Principal, acting_for, current_principal

PAYMENTS = Account("payments", "111111111111", "", ("us-east-1", "eu-west-1"), "us-east-1", True)


class Regions:
    """The part of SharedClients that the pool itself uses."""

    async def regions(self, partition: str) -> frozenset[str]:
        return frozenset({"us-east-1", "eu-west-1", "ap-south-1"})


class NumberedKeys:
    """Issues numbered keys to whoever the context says is calling."""

    def __init__(self, clock: "SettableClock") -> None:
        self.clock = clock
        self.account = PAYMENTS
        self.lifetime_s = 3_600.0
        self.error: ServiceError | None = None
        self.asked: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.gate: asyncio.Event | None = None
        self.was_asked = asyncio.Event()
        self.reissued: AioCredentials | None = None

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        self.refused.append(refused_access_key_id)
        user_id = current_principal().user_id
        self.asked.append((user_id, account_alias))
        self.was_asked.set()
        number, reissued = len(self.asked), self.reissued
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        keys = reissued or AioCredentials(f"AK-{user_id}-{number}", "secret", "token")
        return IssuedCredentials(self.account, keys, self.clock() + self.lifetime_s)

    async def list_accounts(self) -> list[Account]:
        return [self.account]


class SettableClock:
    """Tells the time that was set, in Unix seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class PoolSetup:
    """A pool and what it is made of."""

    def __init__(self, **limits: Any) -> None:
        self.clock = SettableClock()
        self.source = NumberedKeys(self.clock)
        self.pool = ClientPool(
            Regions(),  # type: ignore[arg-type]
            self.source,
            default_region="us-east-1",
            limits=PoolLimits(**limits),
            clock=self.clock,
        )

    async def keys(self, user: str, alias: str = "", region: str = "") -> str:
        """The key that a call of this user would be signed with now."""
        with acting_for(principal(user)):
            async with self.pool.open(alias, region) as session:
                return (await session._keys.current()).access_key_id


def principal(user: str) -> Principal:
    """A verified user of that name."""
    return Principal(f"u-{user}", "iss", user)
