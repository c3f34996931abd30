"""CredentialService: what cloudwatch_service asks for the verified user of the call."""

import math

import grpc
from cwmcp.auth.v1 import credential_service_pb2 as pb
from cwmcp.auth.v1.credential_service_pb2_grpc import CredentialServiceServicer

from auth_service.domain.policy import Entitlement
from auth_service.issuance import CredentialIssuer
from servicekit.assertions import read_sealed_token
from servicekit.identity import current_assertion, current_principal
from servicekit.permissions import compact


class CredentialServicer(CredentialServiceServicer):
    """Issues credentials to nobody but the principal of the current call."""

    def __init__(self, issuer: CredentialIssuer) -> None:
        self._issuer = issuer

    async def IssueCredentials(
        self,
        request: pb.IssueCredentialsRequest,
        context: grpc.aio.ServicerContext[pb.IssueCredentialsRequest, pb.IssueCredentialsResponse],
    ) -> pb.IssueCredentialsResponse:
        """Credentials of the user for one account."""
        entitlement, credentials = await self._issuer.issue(
            current_principal(),
            request.account_alias,
            request.refused_access_key_id,
            read_sealed_token(current_assertion()),
        )
        response = pb.IssueCredentialsResponse(
            account=_to_proto(entitlement),
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
            session_token=credentials.session_token,
        )
        response.expire_time.FromSeconds(math.floor(credentials.expires_at_s))
        return response

    async def ListAccounts(
        self,
        request: pb.ListAccountsRequest,
        context: grpc.aio.ServicerContext[pb.ListAccountsRequest, pb.ListAccountsResponse],
    ) -> pb.ListAccountsResponse:
        """The accounts that the user may use."""
        found = await self._issuer.entitlements(current_principal())
        return pb.ListAccountsResponse(accounts=[_to_proto(entitlement) for entitlement in found])


def _to_proto(entitlement: Entitlement) -> pb.Account:
    account = entitlement.account
    return pb.Account(
        alias=entitlement.alias,
        account_id=account.account_id,
        description=account.description,
        regions=entitlement.regions,
        default_region=entitlement.default_region,
        is_default=entitlement.is_default,
        partition=account.partition,
        allowances=[
            pb.Allowance(regions=share.regions, permissions=compact(share.permissions)) for share in entitlement.shares
        ],
    )
