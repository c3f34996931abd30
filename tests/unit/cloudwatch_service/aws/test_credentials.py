"""Asking auth_service: with the current call's assertion, for as long as the answer may take."""

from typing import Any

import pytest
from cwmcp.auth.v1 import credential_service_pb2 as pb

from cloudwatch_service.aws.credentials import AuthServiceCredentials
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.identity import ASSERTION_METADATA_KEY, Principal, acting_for


class _Stub:
    """Notes how it is called."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []

    async def IssueCredentials(
        self, request: pb.IssueCredentialsRequest, **options: Any
    ) -> pb.IssueCredentialsResponse:
        self.options.append(options)
        account = pb.Account(alias=request.account_alias, partition="aws")
        response = pb.IssueCredentialsResponse(account=account, access_key_id="AK", secret_access_key="secret")
        response.expire_time.FromSeconds(1_234)
        return response

    async def ListAccounts(self, request: pb.ListAccountsRequest, **options: Any) -> pb.ListAccountsResponse:
        self.options.append(options)
        return pb.ListAccountsResponse()


async def test_the_assertion_of_the_current_call_goes_along_and_no_other() -> None:
    stub = _Stub()
    for user in ("alice", "bob"):
        with acting_for(Principal(f"u-{user}", "iss", user), f"proof of {user}".encode()):
            await AuthServiceCredentials(stub).issue("payments")
            await AuthServiceCredentials(stub).list_accounts()
    proofs = [dict(options["metadata"])[ASSERTION_METADATA_KEY] for options in stub.options]
    assert proofs == [b"proof of alice"] * 2 + [b"proof of bob"] * 2
    with pytest.raises(LookupError):
        await AuthServiceCredentials(stub).issue("payments")


async def test_keys_that_others_wait_for_too_are_not_bound_by_one_callers_deadline() -> None:
    stub = _Stub()
    with acting_for(Principal("u-alice", "iss", "alice"), b"proof"), deadline_in(0.01):
        issued = await AuthServiceCredentials(stub).issue("payments")
        with pytest.raises(ServiceError) as caught:
            await AuthServiceCredentials(stub).list_accounts()
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert [options["timeout"] for options in stub.options] == [10.0]
    assert issued.expires_at_s == 1_234
    assert issued.keys.token is None
