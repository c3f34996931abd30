"""The servicers: domain values as messages."""

import hashlib
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from cwmcp.auth.v1 import authentication_service_pb2, credential_service_pb2, signing_key_service_pb2

from auth_service.adapters.signing_keys import SigningKeys
from auth_service.authentication import Verdict
from auth_service.domain.accounts import Account
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement
from auth_service.rpc.authentication import AuthenticationServicer
from auth_service.rpc.credentials import CredentialServicer
from auth_service.rpc.signing_keys import SigningKeyServicer
from servicekit.assertions import sign
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, acting_for
from servicekit.permissions import Permission, expand
from servicekit.refusals import RefusalLog
from tests.kit.access import entitled
from tests.kit.token_desk import ISSUER, token

PERMITTED = frozenset({Permission.ALARMS})
ALICE = Principal("u-1", "https://idp", "alice", "alice@example.com", ("ops",), ("s1",), "chat", True, PERMITTED)
PROD = Account(
    account_id="111122223333",
    role_arn="arn:aws-cn:iam::111122223333:role/reader",
    description="Production",
    regions=("cn-north-1",),
    default_region="cn-north-1",
    external_id="hidden-from-everybody",
)
CONTEXT: Any = SimpleNamespace()


class Authenticator:
    def __init__(self, verdict: Verdict | ServiceError) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._verdict = verdict

    async def authenticate(self, token: str, claimed_email: str, source: str = "") -> Verdict:
        self.asked.append((token, claimed_email, source))
        if isinstance(self._verdict, ServiceError):
            raise self._verdict
        return self._verdict


async def test_a_verdict_as_a_message() -> None:
    authenticator = Authenticator(Verdict(ALICE, 1_900.9, b"a.b.c", 1_800.0, 1_700.0))
    request = authentication_service_pb2.AuthenticateRequest(
        access_token="t", claimed_email="e", client_address="2001:db8:1:2::7"
    )
    response = await _servicer(authenticator).Authenticate(request, CONTEXT)
    assert authenticator.asked == [("t", "e", "2001:db8:1:2::/64")]
    assert response.assertion == "a.b.c"
    assert (response.assertion_expire_time.seconds, response.token_expire_time.seconds) == (1_800, 1_900)
    said = response.principal
    assert Principal(
        said.user_id, said.issuer, said.subject, said.email, tuple(said.groups), tuple(said.scopes), said.client_id,
        said.unauthenticated, expand(said.permissions),
    ) == ALICE  # fmt: skip


async def test_a_refusal_passes_as_it_is() -> None:
    refusal = ServiceError(Reason.TOKEN_EXPIRED, "expired")
    servicer = _servicer(Authenticator(refusal))
    with pytest.raises(ServiceError) as caught:
        await servicer.Authenticate(authentication_service_pb2.AuthenticateRequest(), CONTEXT)
    assert caught.value is refusal


@pytest.mark.parametrize(
    ("bearer", "known"),
    [
        (token(), {"issuer": ISSUER, "key_id_sha256": hashlib.sha256(b"rsa-1").hexdigest()[:16]}),
        (
            token({"iss": "https://evil.example.com/{{x}}"}, {"kid": "evil"}),
            {"key_id_sha256": hashlib.sha256(b"evil").hexdigest()[:16]},
        ),
        (token({"iss": ["a"]}, {"kid": ""}), {}),
        ("eyJ.not.a.token", {}),
    ],
)
async def test_a_refusal_is_recorded_without_a_word_of_the_tokens(
    caplog: pytest.LogCaptureFixture, bearer: str, known: dict[str, str]
) -> None:
    caplog.set_level(logging.INFO, "refusals")
    servicer = _servicer(Authenticator(ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "wrong")))
    request = authentication_service_pb2.AuthenticateRequest(
        access_token=bearer, claimed_email="mallory@example.com", client_address="192.0.2.7" + "x" * 500
    )
    with pytest.raises(ServiceError):
        await servicer.Authenticate(request, CONTEXT)
    (record,) = caplog.records
    client_address = ("192.0.2.7" + "x" * 500)[:64]
    facts = record.facts  # type: ignore[attr-defined]
    assert facts == {"reason": "TOKEN_SIGNATURE_INVALID", "client_address": client_address, **known}


def _servicer(authenticator: Authenticator) -> AuthenticationServicer:
    return AuthenticationServicer(authenticator, [ISSUER], RefusalLog(logging.getLogger("refusals")))


class Issuer:
    def __init__(self, expires_at_s: float = 1_234.9) -> None:
        self.asked: list[tuple[Principal, str, str, str]] = []
        self._expires_at_s = expires_at_s

    async def issue(
        self, principal: Principal, alias: str, refused_access_key_id: str = "", sealed_token: str = ""
    ) -> tuple[Entitlement, AwsCredentials]:
        self.asked.append((principal, alias, refused_access_key_id, sealed_token))
        return entitled(PROD), AwsCredentials("ASIA1", "s", "t", self._expires_at_s, 0.0)

    async def entitlements(self, principal: Principal) -> list[Entitlement]:
        self.asked.append((principal, "", "", ""))
        return [entitled(Account(strategy="shared_profile"), "dev", is_default=False), entitled(PROD)]


def issued(issuer: Issuer) -> CredentialServicer:
    return CredentialServicer(issuer)  # type: ignore[arg-type]


def assertion(sealed_token: str) -> bytes:
    key = SigningKeys(None).active
    return sign(
        ALICE, key=key.private, key_id="k", audience="cw", issued_at_s=1, expires_at_s=2, sealed_token=sealed_token
    )


async def test_credentials_as_a_message() -> None:
    issuer = Issuer(1_234.9)
    request = credential_service_pb2.IssueCredentialsRequest(account_alias="prod", refused_access_key_id="ASIA0")
    with acting_for(ALICE, assertion("sealed-for-alice")):
        response = await issued(issuer).IssueCredentials(request, CONTEXT)
    assert issuer.asked == [(ALICE, "prod", "ASIA0", "sealed-for-alice")]
    assert (response.access_key_id, response.secret_access_key, response.session_token) == ("ASIA1", "s", "t")
    assert response.expire_time.seconds == 1_234  # never later than AWS means
    said = response.account
    assert (said.alias, said.account_id, said.partition, list(said.regions), said.default_region, said.is_default) == (
        "prod",
        "111122223333",
        "aws-cn",
        ["cn-north-1"],
        "cn-north-1",
        True,
    )
    assert [(list(each.regions), list(each.permissions)) for each in said.allowances] == [(["cn-north-1"], ["all"])]
    assert b"hidden-from-everybody" not in response.SerializeToString()


async def test_accounts_as_messages() -> None:
    issuer = Issuer()
    with acting_for(ALICE):
        response = await issued(issuer).ListAccounts(credential_service_pb2.ListAccountsRequest(), CONTEXT)
    assert [(account.alias, account.is_default) for account in response.accounts] == [("dev", False), ("prod", True)]


async def test_nobody_is_the_user_of_a_call_that_nobody_verified() -> None:
    issuer = Issuer()
    with pytest.raises(LookupError):
        await issued(issuer).IssueCredentials(credential_service_pb2.IssueCredentialsRequest(), CONTEXT)
    with pytest.raises(LookupError):
        await issued(issuer).ListAccounts(credential_service_pb2.ListAccountsRequest(), CONTEXT)
    assert issuer.asked == []


async def test_published_keys_are_the_public_halves() -> None:
    keys = SigningKeys(None)
    request = signing_key_service_pb2.GetSigningKeysRequest()
    (key,) = (await SigningKeyServicer(keys).GetSigningKeys(request, CONTEXT)).keys
    assert key.key_id == keys.active.key_id
    assert key.ed25519_public_key == keys.active.private.public_key().public_bytes_raw()
    assert keys.active.private.private_bytes_raw() not in key.SerializeToString()
