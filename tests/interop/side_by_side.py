"""Both servers beside one another, asked about the same AWS.

Each has a copy of the fake AWS for itself, at the same standing time and prepared by the same functions, so that both
can be asked at once.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2

from tests.e2e.conftest import Person
from tests.interop import peer
from tests.interop.answers import Answer
from tests.interop.cases import CASES
from tests.interop.cases.case import ACCOUNT, OTHER_ACCOUNT, Case, World
from tests.interop.comparison import Difference, compare
from tests.interop.forms import FORMS
from tests.interop.peer import Peer
from tests.interop.slow_answers import SlowAnswers
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment, policy_for

_NUMBERS: Final = itertools.count(1)
_CALL_TIMEOUT_S: Final = 60.0


@dataclass(slots=True)
class SideBySide:
    """The peer with its AWS, and ours with its own."""

    peer: Peer
    peer_aws: FakeAws
    aws: FakeAws
    deployment: Deployment
    http: httpx2.AsyncClient
    today: datetime
    slow_answers: SlowAnswers
    _found: dict[str, dict[str, Difference]] = field(default_factory=dict)

    def alice(self) -> Person:
        """Somebody of whom ours has not heard yet, with the account that the peer has keys of."""
        return self._person("alice", "cw-payments")

    def eve(self) -> Person:
        """Somebody new with both accounts, "payments" and "webshop"."""
        return self._person("eve", "cw-everything")

    def _person(self, name: str, group: str) -> Person:
        url = self.deployment.mcp_url
        claims = {"sub": f"{name}-{next(_NUMBERS)}", "groups": [group], "aud": url}
        return Person(self.http, url, self.deployment.issuer.mint(claims))

    async def ask_ours(self, case: Case) -> Answer:
        """Our answer."""
        _prepare(self.aws, case)
        return Answer.read(await self.alice().call(case.tool, **case.arguments_on(self.today)))

    async def ask_peer(self, case: Case) -> Answer:
        """The peer's answer."""
        self.slow_answers.begin()
        if case.is_slow:
            return await self.slow_answers.of(case)
        _prepare(self.peer_aws, case)
        return await self.peer.call(case.tool, case.arguments_on(self.today))

    async def differences(self, case: Case) -> dict[str, Difference]:
        """Where the answers differ, by path; asked once for each case."""
        if case.id not in self._found:
            of_peer, of_ours = await asyncio.gather(self.ask_peer(case), self.ask_ours(case))
            self._found[case.id] = compare(of_peer, of_ours, FORMS[case.tool], case.cause)
        return self._found[case.id]


def _prepare(aws: FakeAws, case: Case) -> None:
    aws.renew()
    if case.holds is not None:
        case.holds(World(aws))


@asynccontextmanager
async def side_by_side(directory: Path) -> AsyncIterator[SideBySide]:
    """Everything started, once for all cases."""
    now_s = time.time()

    def clock() -> float:
        return now_s

    accounts = {"payments": ACCOUNT, "webshop": OTHER_ACCOUNT}
    policy = policy_for(accounts, {"cw-payments": ["payments"], "cw-everything": list(accounts)})
    external_ids = dict.fromkeys(accounts.values(), "test-deployment")
    async with (
        FakeAws(clock=clock) as peer_aws,
        FakeAws(external_ids=external_ids, clock=clock) as aws,
        Issuer() as issuer,
        httpx2.AsyncClient(timeout=_CALL_TIMEOUT_S, trust_env=False) as http,
        AsyncExitStack() as stack,
    ):
        deployment = Deployment(directory, aws, issuer, policy)
        (directory / "home").mkdir()
        variables = peer.environment(peer_aws, ACCOUNT, directory / "home")
        running_peer, _ = await asyncio.gather(
            stack.enter_async_context(peer.running(variables, directory / "peer.log")),
            stack.enter_async_context(deployment.running()),
        )
        today = datetime.fromtimestamp(now_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        slow_answers = SlowAnswers(CASES, directory / "slow", today, clock)
        stack.push_async_callback(slow_answers.stop)
        yield SideBySide(running_peer, peer_aws, aws, deployment, http, today, slow_answers)
