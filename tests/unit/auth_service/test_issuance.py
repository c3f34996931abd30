"""Credentials in memory: one issue at a time, renewal ahead, outages, refusals, changes of the policy."""

import asyncio
import logging
from typing import Any

import pytest

from auth_service.adapters.sealing_keys import SealingKeys
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement, Policy, build_policy
from auth_service.domain.user_tokens import UserToken
from auth_service.issuance import CredentialIssuer
from auth_service.sealing import TokenSealing
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.gate import Gate
from tests.kit.token_desk import NOW_S, Clock, token

ALICE = Principal("u-alice", "https://idp", "alice", groups=("ops",))
BOB = Principal("u-bob", "https://idp", "bob", groups=("ops",))
ROLE = "arn:aws:iam::111122223333:role/reader"
PROD = {"account_id": "111122223333", "role_arn": ROLE}
REFUSED = ServiceError(Reason.ROLE_REFUSED, "AWS refused")
DOWN = ServiceError(Reason.AWS_UNAVAILABLE, "STS is down")


def policy(**changes: Any) -> Policy:
    account = changes if changes.get("strategy") == "token_claims" else PROD | changes
    return build_policy({"accounts": {"prod": account}, "grants": [{"groups": ["ops"], "accounts": ["prod"]}]})


class Sts:
    """A strategy that counts, waits and fails as told."""

    def __init__(self, clock: Clock) -> None:
        self.issued: list[tuple[Principal, Entitlement]] = []
        self.tokens: list[str] = []
        self.failure: Exception | None = None
        self.gate: Gate | None = None
        self.life_s: float = 3_600.0
        self._clock = clock

    async def issue(self, principal: Principal, entitlement: Entitlement, token: UserToken) -> AwsCredentials:
        self.issued.append((principal, entitlement))
        self.tokens.append(token.text)
        number = len(self.issued)
        if self.gate is not None:
            await self.gate.passage()
        if self.failure is not None:
            raise self.failure
        now_s = self._clock()
        ends_s = now_s + self.life_s
        return AwsCredentials(f"ASIA{number}", f"secret-{number}", f"token-{number}", ends_s, now_s)


class Desk:
    def __init__(self, jitter: float = 0.0) -> None:
        self.clock = Clock()
        self.sts = Sts(self.clock)
        self.policy = policy()
        self.jitters: list[tuple[float, float]] = []

        def no_chance(low: float, high: float) -> float:
            self.jitters.append((low, high))
            return jitter

        self.issuer = CredentialIssuer(
            lambda: self.policy, {"assume_role": self.sts}, clock=self.clock, jitter=no_chance
        )

    async def key(self, principal: Principal = ALICE, **options: Any) -> str:
        return (await self.issuer.issue(principal, "prod", **options))[1].access_key_id

    async def reason(self) -> Reason:
        with pytest.raises(ServiceError) as caught:
            await self.key()
        return caught.value.reason

    async def settle(self) -> None:
        """Let what was begun in the background end."""
        await asyncio.gather(*(issue.task for issue in self.issuer._issuing.values()), return_exceptions=True)
        await asyncio.sleep(0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_the_policy_comes_first(desk: Desk) -> None:
    for principal, alias, reason in (
        (Principal("u-x", "https://idp", "x"), "prod", Reason.ACCESS_NONE),
        (ALICE, "dev", Reason.ACCOUNT_NOT_ALLOWED),
    ):
        with pytest.raises(ServiceError) as caught:
            await desk.issuer.issue(principal, alias)
        assert caught.value.reason is reason
    assert desk.sts.issued == []


async def test_a_hundred_who_ask_at_once_cause_one_issue(desk: Desk) -> None:
    desk.sts.gate = Gate()
    calls = [asyncio.create_task(desk.key()) for _ in range(100)]
    await desk.sts.gate.arrivals()
    desk.sts.gate.release()
    assert await asyncio.gather(*calls) == ["ASIA1"] * 100
    assert len(desk.sts.issued) == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(desk: Desk) -> None:
    desk.sts.gate = Gate()
    first, second = (asyncio.create_task(desk.key()) for _ in range(2))
    await desk.sts.gate.arrivals()
    first.cancel()
    desk.sts.gate.release()
    assert await second == "ASIA1"


async def test_each_user_has_their_own(desk: Desk) -> None:
    keys = await asyncio.gather(desk.key(ALICE), desk.key(BOB), desk.key(ALICE))
    assert keys == ["ASIA1", "ASIA2", "ASIA1"]
    assert [principal for principal, _ in desk.sts.issued] == [ALICE, BOB]


@pytest.mark.parametrize(("jitter", "renewed_at_s"), [(0.0, 2_700), (0.05, 2_880), (-0.05, 2_520)])
async def test_credentials_are_renewed_when_three_quarters_are_over_and_nobody_waits(
    jitter: float, renewed_at_s: int
) -> None:
    desk = Desk(jitter)
    assert await desk.key() == "ASIA1"
    assert desk.jitters == [(-0.05, 0.05)]
    desk.clock.now_s += renewed_at_s - 1
    assert await desk.key() == "ASIA1"
    assert len(desk.sts.issued) == 1
    desk.clock.now_s += 1
    desk.sts.gate = Gate()  # STS hangs
    assert [await desk.key() for _ in range(3)] == ["ASIA1"] * 3
    await desk.sts.gate.arrivals()
    desk.sts.gate.release()
    await desk.settle()
    assert await desk.key() == "ASIA2"
    assert len(desk.sts.issued) == 2


async def test_while_sts_fails_credentials_serve_to_their_last_minute(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.key()
    desk.sts.failure = DOWN
    desk.clock.now_s += 3_539
    assert await desk.key() == "ASIA1"
    await desk.settle()
    assert await desk.key() == "ASIA1"
    assert "cannot renew credentials" in caplog.text
    await desk.settle()
    desk.clock.now_s += 1
    assert await desk.reason() is Reason.AWS_UNAVAILABLE
    desk.sts.failure = None
    assert await desk.key() == "ASIA5"


async def test_an_outage_is_not_remembered(desk: Desk) -> None:
    desk.sts.failure = DOWN
    assert await desk.reason() is Reason.AWS_UNAVAILABLE
    desk.sts.failure = None
    assert await desk.key() == "ASIA2"


@pytest.mark.parametrize("reason", [Reason.ROLE_REFUSED, Reason.ACCOUNT_MISCONFIGURED])
async def test_a_definite_refusal_is_remembered_for_fifteen_seconds(desk: Desk, reason: Reason) -> None:
    desk.sts.failure = ServiceError(reason, "no")
    assert [await desk.reason() for _ in range(3)] == [reason] * 3
    assert len(desk.sts.issued) == 1
    desk.clock.now_s += 15
    desk.sts.failure = None
    assert await desk.key() == "ASIA2"


async def test_a_remembered_refusal_is_the_users_own(desk: Desk) -> None:
    desk.sts.failure = REFUSED
    await desk.reason()
    desk.sts.failure = None
    assert await desk.key(BOB) == "ASIA2"


async def test_a_definite_refusal_drops_what_was_kept(desk: Desk) -> None:
    await desk.key()
    desk.clock.now_s += 2_700
    desk.sts.failure = REFUSED
    assert await desk.key() == "ASIA1"  # still good, and asking has begun
    await desk.settle()
    assert await desk.reason() is Reason.ROLE_REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"role_arn": "arn:aws:iam::111122223333:role/other"},
        {"external_id": "changed"},
        {"session_duration_s": 900},
        {"session_policy": "none"},
        {"session_policy": {"Version": "2012-10-17", "Statement": []}},
    ],
    ids=str,
)
async def test_a_changed_policy_applies_at_once(desk: Desk, changes: dict[str, Any]) -> None:
    await desk.key()
    desk.policy = policy(**changes)
    assert await desk.key() == "ASIA2"
    desk.policy = policy(description="words change nothing", **changes)
    assert await desk.key() == "ASIA2"


async def test_a_grant_that_is_taken_away_applies_at_once(desk: Desk) -> None:
    await desk.key()
    desk.policy = build_policy({"accounts": {"prod": PROD}})
    assert await desk.reason() is Reason.ACCESS_NONE


async def test_keys_that_aws_refused_are_replaced_and_others_are_not(desk: Desk) -> None:
    assert await desk.key() == "ASIA1"
    assert await desk.key(refused_access_key_id="ASIA9") == "ASIA1"
    assert await desk.key(refused_access_key_id="ASIA1") == "ASIA2"
    assert await desk.key(refused_access_key_id="ASIA1") == "ASIA2"


async def test_a_defect_of_a_strategy_is_neither_hidden_nor_remembered(desk: Desk) -> None:
    desk.sts.failure = RuntimeError("a defect")
    with pytest.raises(RuntimeError):
        await desk.key()
    desk.sts.failure = None
    assert await desk.key() == "ASIA2"


async def test_closing_ends_what_is_under_way_and_forgets(desk: Desk) -> None:
    desk.sts.gate = Gate()
    waiting = asyncio.create_task(desk.key())
    await desk.sts.gate.arrivals()
    await desk.issuer.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(desk.issuer._kept) == 0


async def test_nothing_secret_shows(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, credentials = await desk.issuer.issue(ALICE, "prod")
    desk.clock.now_s += 2_700
    desk.sts.failure = DOWN
    await desk.key()
    await desk.settle()
    text = f"{credentials!r} {credentials} {desk.issuer._kept} {caplog.text}"
    assert "secret-1" not in text
    assert "token-1" not in text
    assert credentials.issued_at_s == NOW_S


class TokenDesk(Desk):
    """A desk whose account needs the user's token; tokens are sealed for alice unless somebody else is named."""

    def __init__(self, strategy: str = "web_identity") -> None:
        super().__init__()
        self.policy = policy(strategy=strategy)
        self.sealing = TokenSealing(SealingKeys(None), lambda: self.policy, self.clock)
        self.issuer = CredentialIssuer(
            lambda: self.policy, {strategy: self.sts}, sealing=self.sealing, clock=self.clock, jitter=lambda *_: 0.0
        )

    def seal(self, text: str, principal: Principal = ALICE, life_s: float = 600.0) -> str:
        return self.sealing.seal(principal, UserToken(text, self.clock() + life_s))

    async def key_with(self, sealed: str, principal: Principal = ALICE, **options: Any) -> str:
        return await self.key(principal, sealed_token=sealed, **options)

    async def reason_with(self, sealed: str, principal: Principal = ALICE) -> Reason:
        with pytest.raises(ServiceError) as caught:
            await self.key_with(sealed, principal)
        return caught.value.reason


def jwt_of(**claims: Any) -> str:
    return token(claims)


async def test_the_users_own_token_goes_to_the_strategy_and_to_no_other() -> None:
    desk = TokenDesk()
    sealed = {user: desk.seal(f"token-of-{user.subject}", user) for user in (ALICE, BOB)}
    keys = await asyncio.gather(*(desk.key_with(sealed[user], user) for user in (ALICE, BOB, ALICE)))
    assert keys == ["ASIA1", "ASIA2", "ASIA1"]
    assert desk.sts.tokens == ["token-of-alice", "token-of-bob"]
    assert await desk.reason_with(sealed[BOB], ALICE) is Reason.ASSERTION_INVALID


async def test_a_way_without_tokens_is_given_none() -> None:
    desk = TokenDesk("assume_role")
    assert await desk.key(sealed_token="whatever") == "ASIA1"
    assert desk.sts.tokens == [""]


async def test_what_is_kept_outlives_the_token_but_is_given_to_a_live_one_only() -> None:
    desk = TokenDesk()
    first = desk.seal("first", life_s=600)
    assert await desk.key_with(first) == "ASIA1"
    desk.clock.now_s += 600
    assert await desk.reason_with(first) is Reason.TOKEN_EXPIRED
    assert await desk.reason_with("") is Reason.ASSERTION_INVALID
    assert await desk.reason_with(TokenDesk().seal("of another key")) is Reason.ASSERTION_INVALID
    assert await desk.key_with(desk.seal("second")) == "ASIA1"
    assert desk.sts.tokens == ["first"]


async def test_renewal_is_with_the_next_token_of_the_client() -> None:
    desk = TokenDesk()
    await desk.key_with(desk.seal("first", life_s=600))
    desk.clock.now_s += 2_700
    assert await desk.key_with(desk.seal("sixth")) == "ASIA1"
    await desk.settle()
    assert await desk.key_with(desk.seal("seventh")) == "ASIA2"
    assert desk.sts.tokens == ["first", "sixth"]


async def test_one_whose_token_is_refused_does_not_fail_those_with_another() -> None:
    desk = TokenDesk()
    desk.sts.gate = Gate()
    desk.sts.failure = ServiceError(Reason.TOKEN_EXPIRED, "AWS says so")
    old = asyncio.create_task(desk.key_with(desk.seal("old")))
    await desk.sts.gate.arrivals()
    same = asyncio.create_task(desk.key_with(desk.seal("old")))
    newer = asyncio.create_task(desk.key_with(desk.seal("newer")))
    await asyncio.sleep(0)
    released, desk.sts.gate = desk.sts.gate, None
    old.add_done_callback(lambda _: setattr(desk.sts, "failure", None))
    released.release()
    outcomes = await asyncio.gather(old, same, newer, return_exceptions=True)
    assert [getattr(outcome, "reason", outcome) for outcome in outcomes[:2]] == [Reason.TOKEN_EXPIRED] * 2
    assert outcomes[2] in ("ASIA2", "ASIA3")
    assert desk.sts.tokens[0] == "old"
    assert desk.sts.tokens[-1] == "newer"


async def test_a_refused_token_is_remembered_and_the_next_one_is_not_refused_for_it() -> None:
    desk = TokenDesk()
    desk.sts.failure = ServiceError(Reason.WEB_IDENTITY_REFUSED, "no")
    assert [await desk.reason_with(desk.seal("bad")) for _ in range(3)] == [Reason.WEB_IDENTITY_REFUSED] * 3
    assert desk.sts.tokens == ["bad"]
    desk.sts.failure = None
    assert await desk.key_with(desk.seal("good")) == "ASIA2"
    desk.clock.now_s += 15
    assert await desk.key_with(desk.seal("bad")) == "ASIA2"


async def test_a_refused_token_ends_nothing_that_another_has_brought(caplog: pytest.LogCaptureFixture) -> None:
    desk = TokenDesk()
    await desk.key_with(desk.seal("good"))
    desk.clock.now_s += 2_700
    desk.sts.failure = ServiceError(Reason.WEB_IDENTITY_REFUSED, "no")
    for _ in range(3):
        assert await desk.key_with(desk.seal("bad")) == "ASIA1"
        await desk.settle()
    assert desk.sts.tokens == ["good", "bad"]
    assert "cannot renew credentials" in caplog.text
    desk.sts.failure = None
    await desk.key_with(desk.seal("better"))
    await desk.settle()
    assert await desk.key_with(desk.seal("better")) == "ASIA3"


async def test_a_session_is_not_shared_by_tokens_that_tag_it_differently() -> None:
    desk = TokenDesk()
    tags = "https://aws.amazon.com/tags"
    wide, narrow = ({tags: {"principal_tags": {"team": [team]}}} for team in ("all", "one"))
    assert await desk.key_with(desk.seal(jwt_of(**wide))) == "ASIA1"
    assert await desk.key_with(desk.seal(jwt_of(**narrow))) == "ASIA2"
    assert await desk.key_with(desk.seal(jwt_of(**wide, jti="another"))) == "ASIA1"
    assert await desk.key_with(desk.seal(jwt_of(**{"https://aws.amazon.com/source_identity": "x"}))) == "ASIA3"


async def test_keys_in_a_token_are_those_of_that_token() -> None:
    desk = TokenDesk("token_claims")
    assert await desk.key_with(desk.seal("one")) == "ASIA1"
    assert await desk.key_with(desk.seal("two")) == "ASIA2"
    assert await desk.key_with(desk.seal("one")) == "ASIA1"


async def test_no_token_shows_nor_stays() -> None:
    desk = TokenDesk()
    await desk.key_with(desk.seal("hush-hush"))
    desk.sts.failure = ServiceError(Reason.TOKEN_EXPIRED, "no")
    await desk.reason_with(desk.seal(jwt_of(**{"https://aws.amazon.com/source_identity": "hush-hush"})))
    assert "hush" not in f"{desk.issuer._kept} {desk.issuer._refusals} {desk.issuer._issuing}"
    assert desk.issuer._issuing == {}


async def test_a_definite_refusal_of_one_token_does_not_hold_against_the_next() -> None:
    desk = TokenDesk()
    desk.sts.failure = REFUSED
    assert [await desk.reason_with(desk.seal("without a second factor")) for _ in range(2)] == [Reason.ROLE_REFUSED] * 2
    desk.sts.failure = None
    assert await desk.key_with(desk.seal("with one")) == "ASIA2"


async def test_a_dropped_user_leaves_nothing_and_others_keep_theirs() -> None:
    desk = Desk()
    assert (await desk.key(ALICE), await desk.key(BOB)) == ("ASIA1", "ASIA2")
    desk.issuer.drop_users({"u-alice"})
    assert (await desk.key(ALICE), await desk.key(BOB)) == ("ASIA3", "ASIA2")


async def test_what_is_being_issued_to_a_dropped_user_is_kept_for_nobody() -> None:
    desk = Desk()
    desk.sts.gate = Gate()
    asking = asyncio.create_task(desk.key(ALICE))
    await desk.sts.gate.arrivals(1)
    desk.issuer.drop_users({"u-alice"})
    again = asyncio.create_task(desk.key(ALICE))
    await desk.sts.gate.arrivals(2)
    desk.sts.gate.release()
    assert (await asking, await again) == ("ASIA1", "ASIA2")
    assert await desk.key(ALICE) == "ASIA2"


async def test_what_is_issued_to_a_dropped_user_ends_with_the_service() -> None:
    desk = Desk()
    desk.sts.gate = Gate()
    asking = asyncio.create_task(desk.key(ALICE))
    await desk.sts.gate.arrivals(1)
    desk.issuer.drop_users({"u-alice"})
    await desk.issuer.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_what_had_not_begun_when_its_user_was_dropped_does_not_begin(desk: Desk) -> None:
    asking = asyncio.create_task(desk.key())
    await asyncio.sleep(0)  # as far as the issue is planned
    assert desk.issuer._issuing
    desk.issuer.drop_users([ALICE.user_id])
    with pytest.raises(ServiceError) as caught:
        await asking
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert desk.sts.issued == []
    assert await desk.key() == "ASIA1"
