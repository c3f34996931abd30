"""Whose token travels in an assertion, and when it is of use there."""

from typing import Any

import pytest

from auth_service.adapters.sealing_keys import SealingKeys
from auth_service.domain.policy import Policy, build_policy
from auth_service.domain.user_tokens import UserToken
from auth_service.sealing import TokenSealing
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.token_desk import NOW_S, Clock

OPS = Principal("u-alice", "https://idp", "alice", groups=("ops",))
DEV = Principal("u-bob", "https://idp", "bob", groups=("dev",))
TOKEN = UserToken("the.users.token", NOW_S + 600.0)
ROLE = {"account_id": "111122223333", "role_arn": "arn:aws:iam::111122223333:role/reader"}


def policy(strategy: str) -> Policy:
    account: dict[str, Any] = {"strategy": strategy} | (ROLE if strategy != "token_claims" else {})
    return build_policy(
        {
            "accounts": {"dev": ROLE, "prod": account},
            "grants": [{"groups": ["dev"], "accounts": ["dev"]}, {"groups": ["ops"], "accounts": ["dev", "prod"]}],
        }
    )


class Desk:
    def __init__(self, strategy: str) -> None:
        self.clock = Clock()
        self.policy = policy(strategy)
        self.sealing = TokenSealing(SealingKeys(None), lambda: self.policy, self.clock)

    def reason(self, sealed: str, principal: Principal = OPS) -> Reason:
        with pytest.raises(ServiceError) as caught:
            self.sealing.open(principal, sealed)
        assert "the.users.token" not in str(caught.value)
        return caught.value.reason


@pytest.mark.parametrize("strategy", ["web_identity", "token_claims"])
def test_only_those_with_an_account_that_needs_it_carry_their_token(strategy: str) -> None:
    desk = Desk(strategy)
    assert desk.sealing.seal(DEV, TOKEN) == ""
    sealed = desk.sealing.seal(OPS, TOKEN)
    assert desk.sealing.open(OPS, sealed) == TOKEN


def test_nobody_carries_a_token_where_no_account_needs_one() -> None:
    assert Desk("assume_role").sealing.seal(OPS, TOKEN) == ""


def test_a_token_is_of_no_use_after_its_end_nor_to_another_nor_when_absent() -> None:
    desk = Desk("web_identity")
    sealed = desk.sealing.seal(OPS, TOKEN)
    assert desk.reason(sealed, DEV) is Reason.ASSERTION_INVALID
    assert desk.reason("") is Reason.ASSERTION_INVALID
    assert desk.reason(Desk("web_identity").sealing.seal(OPS, TOKEN)) is Reason.ASSERTION_INVALID
    desk.clock.now_s += 599.9
    assert desk.sealing.open(OPS, sealed) == TOKEN
    desk.clock.now_s += 0.1
    assert desk.reason(sealed) is Reason.TOKEN_EXPIRED
