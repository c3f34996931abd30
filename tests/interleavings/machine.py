"""What may happen, in any order: hypothesis chooses, shrinks what fails, and prints how to repeat it."""

import functools
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_service.revocation import CLOCK_DIFFERENCE_S
from tests.interleavings.holds import Outcome
from tests.interleavings.people import GROUPS, NAMES, REGIONS, SESSIONS
from tests.interleavings.tally import Tally
from tests.interleavings.wiring import Clients
from tests.interleavings.world import KINDS, World
from tests.kit.stepped_loop import SteppedLoop

TALLY: Final = Tally()
_MOST_CALLS: Final = 8
_Call = tuple[int, str, str, str]
_EFFECT_S: Final = 101  # confirming keys, waiting for auth_service, and a call that goes on with what it began
_LATER_S: Final = CLOCK_DIFFERENCE_S + 1  # what is issued then is reached by no end before


def _asks() -> list[tuple[str, str, str]]:
    """Alias, region and kind; what is ordinary is listed more often."""
    return [
        *[("prod", region, kind) for region in REGIONS for kind in KINDS],
        ("", "", "one"),
        ("dev", "", "one"),
        ("dev", "eu-west-1", "pages"),
        ("invented", "", "one"),
    ]


_INDEX: Final = st.integers(0, 5)
_CALLBACKS: Final = st.integers(0, 60)
# Calls that begin together, each by somebody (the newest sign-in is 0): a person's own, and several at one account.
_ONE: Final = [(who, alias, region, kind) for who in range(4) for alias, region, kind in _asks()]
_BUNDLES: Final = [
    *[[each] for each in _ONE],
    *[[each, (each[0], "prod", "", "one")] for each in _ONE],
    *[[each, ((each[0] + 2) % 4, *each[1:]), (each[0], "", "", "one")] for each in _ONE],
]
_CALLS: Final = st.sampled_from(_BUNDLES)
_SIGN_INS: Final = [
    ("bob", "evening", "readers"),
    ("bob", "morning", "ops"),
    ("alice", "evening", "readers"),
    ("alice", "morning", "ops"),
]
_OUTCOMES: Final = st.sampled_from(["good", "good", "good", "refused", "down"])


@functools.cache
def clients() -> Clients:
    """One set of clients for all interleavings of the process."""
    return Clients(SteppedLoop())


class Interleaving(RuleBasedStateMachine):
    """Users, accounts, evictions, refreshes, revocations and cancellations."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(clients(), TALLY)

    @initialize(calls=_CALLS, more=_CALLS, callbacks=_CALLBACKS)
    def begin(self, calls: list[_Call], more: list[_Call], callbacks: int) -> None:
        for person, session, group in _SIGN_INS:
            self.world.sign_in(person, session, group)
        self._begin(calls)
        self.world.loop.run(callbacks)
        self._begin(more)

    @precondition(lambda self: not self.world.is_closing and len(self.world.running) < _MOST_CALLS)
    @rule(calls=_CALLS, callbacks=_CALLBACKS)
    def ask(self, calls: list[_Call], callbacks: int) -> None:
        self._begin(calls)
        self.world.loop.run(callbacks)

    def _begin(self, calls: list[_Call]) -> None:
        for who, alias, region, kind in calls:
            self.world.ask(self.world.sign_ins[-1 - who], alias, region, kind)

    @precondition(lambda self: len(self.world.holds))
    @rule(index=_INDEX, outcome=_OUTCOMES, callbacks=_CALLBACKS)
    def release(self, index: int, outcome: Outcome, callbacks: int) -> None:
        self.world.release(index, outcome)
        self.world.loop.run(callbacks)

    @precondition(lambda self: len(self.world.holds))
    @rule()
    def release_all(self) -> None:
        self.world.loop.do(self.world.holds.release_all)
        self.world.rest()

    @rule(callbacks=_CALLBACKS)
    def go_on(self, callbacks: int) -> None:
        self.world.loop.run(callbacks)

    @rule()
    def rest(self) -> None:
        self.world.rest()

    @precondition(lambda self: self.world.running)
    @rule(index=_INDEX)
    def cancel(self, index: int) -> None:
        self.world.cancel(index)

    @precondition(lambda self: self.world.running)
    @rule(who=_INDEX, scope=st.sampled_from(["session", "person"]), told=st.booleans())
    def revoke(self, who: int, scope: str, told: bool) -> None:
        sign_ins = self.world.sign_ins
        self.world.revoke(sign_ins[-1 - who % len(sign_ins)], whole=scope == "person")
        if told:
            self.world.tell()

    @precondition(lambda self: self.world.untold)
    @rule()
    def tell(self) -> None:
        self.world.tell()

    @rule(person=st.sampled_from(NAMES), session=st.sampled_from(SESSIONS), group=st.sampled_from(GROUPS))
    def sign_in(self, person: str, session: str, group: str) -> None:
        self.world.loop.pass_time(_LATER_S)
        self.world.sign_in(person, session, group)

    @rule(seconds=st.sampled_from([1, 6, 31]))
    def wait(self, seconds: int) -> None:
        self.world.loop.pass_time(seconds)

    @precondition(lambda self: not self.world.running)
    @rule(seconds=st.sampled_from([61, 301, 600, 901]))
    def pass_time(self, seconds: int) -> None:
        self.world.loop.pass_time(seconds)
        self.world.drop_idle()

    @precondition(lambda self: not self.world.is_closing)
    @rule(version=st.sampled_from([1, 0, 2]), calls=_CALLS)
    def change_policy_and_ask_again_later(self, version: int, calls: list[_Call]) -> None:
        self.world.rest()
        self.world.let_go()
        self.world.change_policy(version)
        self.world.loop.pass_time(_EFFECT_S)
        self._begin(calls)

    @precondition(lambda self: not self.world.is_closing)
    @rule(who=_INDEX)
    def end_and_sign_in_again(self, who: int) -> None:
        self.world.rest()
        self.world.let_go()
        ended = self.world.sign_ins[-1 - who % len(self.world.sign_ins)]
        self.world.revoke(ended, whole=True)
        while self.world.untold:
            self.world.tell()
        self.sign_in(ended.name, ended.session, ended.group)
        self._begin([(0, "prod", "", "one")])

    @rule(what=st.sampled_from(["keys", "policy 0", "policy 1", "policy 2", "stop"]))
    def disturb(self, what: str) -> None:
        match what.split():
            case ["keys"]:
                self.world.aws.expire_keys()
            case ["policy", version]:
                self.world.change_policy(int(version))
            case ["stop"] if not self.world.is_closing:
                self.world.close()

    @invariant()
    def holds(self) -> None:
        TALLY.steps += 1
        self.world.check()

    def teardown(self) -> None:
        self.world.finish()
