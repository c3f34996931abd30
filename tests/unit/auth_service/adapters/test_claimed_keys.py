"""The strategy that takes keys out of tokens."""

import pytest

from auth_service.adapters.claimed_keys import ClaimedKeys
from auth_service.domain.accounts import Account
from auth_service.domain.claimed_keys import KeyClaims
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.access import entitled
from tests.kit.token_desk import NOW_S, Clock, token

KEYS = {"id": "ASIAQWERTYUIOPASDFGH", "aws_secret_access_key": "s", "aws_session_token": "t"}
ACCOUNT = entitled(Account(strategy="token_claims"))


async def test_the_claims_names_are_the_issuers() -> None:
    way = ClaimedKeys({"https://idp": KeyClaims(access_key_id="id"), "https://other": KeyClaims()}, Clock())
    presented = UserToken(token(KEYS | {"aws_expiration": NOW_S + 900}), 0.0)
    assert (await way.issue(Principal("u", "https://idp", "a"), ACCOUNT, presented)).access_key_id == KEYS["id"]
    for issuer in ("https://other", "https://gone"):
        with pytest.raises(ServiceError) as caught:
            await way.issue(Principal("u", issuer, "a"), ACCOUNT, presented)
        assert caught.value.reason is Reason.CLAIMED_KEYS_REFUSED
