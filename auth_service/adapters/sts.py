"""AWS STS: assumes a role for one user, with the service's own identity or with the user's token and no identity.

The only user of the service's identity. AWS does not tell why it refuses a role. What can be told is who asked for
what, and what to compare: that is logged for administrators and travels with the refusal as `fix`.
"""

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from auth_service.domain.accounts import Partition
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement
from auth_service.domain.role_sessions import USER_TAG, session_name, session_policy, session_tags, source_identity
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_log = logging.getLogger(__name__)
_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
# What only the operator can mend: AWS STS API reference, AssumeRole and common errors.
_MISCONFIGURED: Final = frozenset(
    {"MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException", "ValidationError"}
)
# AWS STS API reference, AssumeRoleWithWebIdentity: errors, and the token's length and algorithms.
_TOKEN_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
_TOKEN_REFUSED: Final = frozenset({"InvalidIdentityToken", "IDPRejectedClaim"})
_ISSUER_UNREACHED: Final = frozenset({"IDPCommunicationError"})
_MAX_TOKEN_CHARACTERS: Final = 20_000
_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"})
# STS has one code for tokens that it refuses; these of its words tell what another token of the user cannot mend.
_WORDS_OF_FAULTS: Final = {
    "audience": "the token's audience is not one of the IAM identity provider's",
    "no openidconnect provider": "the account has no IAM identity provider for the token's issuer",
}
_WORDS_OF_UNREACHED: Final = "retrieve verification key"
_RETRY_AFTER_S: Final = 2.0
_ASSUME_ROLE: Final = "sts:AssumeRole"
_ASSUME_ROLE_WITH_WEB_IDENTITY: Final = "sts:AssumeRoleWithWebIdentity"
# AWS names the action that it denied; for the two that come with AssumeRole the cause is nearly certain.
_FIX_OF_ACTION: Final = {
    "sts:TagSession": (
        f"let the role's trust policy, and the service's own policy, allow sts:TagSession with the tag {USER_TAG} and "
        "with what tags the user's token has, and see that no condition on aws:TagKeys leaves one out"
    ),
    "sts:SetSourceIdentity": ("let the role's trust policy, and the service's own policy, allow sts:SetSourceIdentity"),
}
_FIX_POLICY_FILE: Final = "compare the account's entry in the policy file with its role in AWS"
_FIX_OF_CODE: Final = {
    "MalformedPolicyDocument": "the account's session_policy is not an IAM policy that AWS takes",
    "PackedPolicyTooLarge": "the account's session_policy is too long together with the tag; shorten it",
    "RegionDisabledException": "AWS STS is not enabled for the account in this service's region; enable it",
    "ValidationError": "session_duration_s may be above the role's maximum, or above an hour where a role assumes it",
}


class RoleAssumer:
    """The strategy `assume_role`."""

    def __init__(self, clients: Mapping[Partition, Any]) -> None:
        """`clients` are open aioboto3 STS clients by partition; each signs with the service's identity there."""
        self._clients = clients

    async def issue(self, principal: Principal, entitlement: Entitlement, _token: UserToken) -> AwsCredentials:
        """Credentials of the account's role for this user, named, tagged and limited.

        Raises ROLE_REFUSED, ACCOUNT_MISCONFIGURED or AWS_UNAVAILABLE.
        """
        account = entitlement.account
        sts = self._clients.get(account.partition)
        if sts is None:  # the policy was judged by the same partitions
            raise _misconfigured(f"the service has no identity in the partition {account.partition}")
        parameters = _session(principal, entitlement) | {
            "SourceIdentity": source_identity(principal),
            "Tags": session_tags(principal),
        }
        if account.external_id is not None:
            parameters["ExternalId"] = account.external_id
        try:
            return await _issued(sts.assume_role(**parameters))
        except ClientError as error:
            raise _told(entitlement, _to_service_error(error, _ASSUME_ROLE, entitlement)) from error


class TokenExchange(Protocol):
    """Where an issuer gives out tokens for AWS in exchange for users' tokens."""

    async def exchange(self, principal: Principal, token: UserToken) -> UserToken:
        """A token of the same user for AWS; `token` itself where the issuer is not asked. Raises ServiceError."""
        ...


class WebIdentity:
    """The strategy `web_identity`: the role trusts the user's issuer, and this service has no part in the trust."""

    def __init__(self, clients: Mapping[Partition, Any], exchange: TokenExchange) -> None:
        """`clients` are open aioboto3 STS clients that sign nothing, by partition, of every partition."""
        self._clients = clients
        self._exchange = exchange

    async def issue(self, principal: Principal, entitlement: Entitlement, token: UserToken) -> AwsCredentials:
        """Credentials of the account's role for this user, named and limited; tags are in the token, if anywhere.

        Raises TOKEN_EXPIRED, WEB_IDENTITY_REFUSED, EXCHANGE_REFUSED, ROLE_REFUSED, ACCOUNT_MISCONFIGURED,
        ISSUER_UNAVAILABLE or AWS_UNAVAILABLE.
        """
        presented = await self._exchange.exchange(principal, token)
        _check_acceptable(presented)
        parameters = _session(principal, entitlement) | {"WebIdentityToken": presented.text}
        try:
            sts = self._clients[entitlement.account.partition]
            return await _issued(sts.assume_role_with_web_identity(**parameters))
        except ClientError as error:
            raise _told(
                entitlement, _to_web_identity_error(error, entitlement)
            ) from None  # botocore's error may keep the token with the request


def _session(principal: Principal, entitlement: Entitlement) -> dict[str, Any]:
    """What both calls have: whose session it is in CloudTrail, how long it lasts and how it is limited."""
    account = entitlement.account
    parameters: dict[str, Any] = {
        "RoleArn": account.role_arn,
        "RoleSessionName": session_name(principal),
        "DurationSeconds": account.session_duration_s,
    }
    policy = session_policy(account, entitlement.permissions)
    if policy is not None:
        parameters["Policy"] = policy
    return parameters


async def _issued(call: Awaitable[dict[str, Any]]) -> AwsCredentials:
    """The credentials in STS's answer. Raises ServiceError for all that is no answer, ClientError for a refusal."""
    try:
        answer = await call
    except ParamValidationError:
        message = "AWS does not accept how the account is configured (ParamValidation)"
        raise ServiceError(Reason.ACCOUNT_MISCONFIGURED, message) from None  # its text repeats the parameters
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise _unavailable("the service has no AWS identity of its own now") from error
    except (BotoCoreError, TimeoutError) as error:
        raise _unavailable("AWS STS cannot be reached") from error
    issued = answer["Credentials"]
    return AwsCredentials(
        access_key_id=issued["AccessKeyId"],
        secret_access_key=issued["SecretAccessKey"],
        session_token=issued["SessionToken"],
        expires_at_s=issued["Expiration"].timestamp(),
        issued_at_s=time.time(),
    )


def _check_acceptable(token: UserToken) -> None:
    """Refuse what STS cannot accept from anybody, which says more than STS would."""
    algorithm = token.header.get("alg")
    if algorithm not in _ALGORITHMS:
        kind = f"signed by {algorithm}" if isinstance(algorithm, str) else "that are no JWTs"
        raise _misconfigured(f"AWS STS takes no tokens {kind[:40]}; the issuer must sign by RS256 or ES256")
    if len(token.text) > _MAX_TOKEN_CHARACTERS:
        raise _misconfigured(f"AWS STS takes no tokens longer than {_MAX_TOKEN_CHARACTERS} characters")


def _told(entitlement: Entitlement, error: ServiceError) -> ServiceError:
    """`error`, after telling the administrators of it what they need to mend it."""
    facts = error.details
    if "fix" in facts:
        _log.warning(
            "AWS refuses the role %s of the account %s (%s of %s, request %s); to mend it: %s",
            entitlement.account.role_arn,
            entitlement.alias,
            facts["aws_error_code"],
            facts["operation"],
            facts["aws_request_id"],
            facts["fix"],
        )
    return error


def _to_service_error(error: ClientError, operation: str, entitlement: Entitlement) -> ServiceError:
    code = error.response["Error"].get("Code", "")
    details = {
        "operation": operation,
        "account": entitlement.alias,
        "aws_error_code": code,
        "aws_request_id": error.response["ResponseMetadata"].get("RequestId", ""),
    }
    if code in _REFUSED:
        denied, fix = _what_to_fix(str(error.response["Error"].get("Message", "")), operation, entitlement)
        message = f"AWS refused to issue credentials for the account ({denied})"
        return ServiceError(Reason.ROLE_REFUSED, message, details=details | {"operation": denied, "fix": fix})
    if code in _MISCONFIGURED:
        fix = _FIX_OF_CODE.get(code, _FIX_POLICY_FILE)
        return _misconfigured(f"AWS does not accept how the account is configured ({code})", details | {"fix": fix})
    return _unavailable(f"AWS STS failed ({code})", details)


def _what_to_fix(message: str, operation: str, entitlement: Entitlement) -> tuple[str, str]:
    """The action that AWS denied, which is all that it tells, and what an administrator should compare."""
    for action, fix in _FIX_OF_ACTION.items():
        if action in message:
            return action, fix
    if operation == _ASSUME_ROLE_WITH_WEB_IDENTITY:
        return operation, (
            "see that the role exists, and that its trust policy lets the IAM identity provider of the token's issuer "
            f"{operation}, with the audience and the subject that the token has"
        )
    external_id = "the external_id of the policy file" if entitlement.account.external_id else "no sts:ExternalId"
    return operation, (
        f"see that the role exists, that its trust policy lets this service's identity {operation}, asks for "
        f"{external_id} and for no more than the tag {USER_TAG} and a source identity, and that the service's own "
        f"policy allows sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity on the role"
    )


def _to_web_identity_error(error: ClientError, entitlement: Entitlement) -> ServiceError:
    """As `_to_service_error`, where the refusal may also be of the token or of the issuer."""
    general = _to_service_error(error, _ASSUME_ROLE_WITH_WEB_IDENTITY, entitlement)
    code = general.details["aws_error_code"]
    words = str(error.response["Error"].get("Message", "")).lower()
    if code in _TOKEN_EXPIRED:
        return ServiceError(Reason.TOKEN_EXPIRED, "AWS says that the token has expired", details=general.details)
    if code in _ISSUER_UNREACHED or (code in _TOKEN_REFUSED and _WORDS_OF_UNREACHED in words):
        message = "AWS cannot reach the token's issuer now"
        return ServiceError(Reason.ISSUER_UNAVAILABLE, message, details=general.details, retry_after_s=_RETRY_AFTER_S)
    if code in _TOKEN_REFUSED:
        fault = next((meaning for part, meaning in _WORDS_OF_FAULTS.items() if part in words), None)
        if fault is not None:
            return _misconfigured(fault, general.details)
        message = "AWS does not accept the user's token"
        return ServiceError(Reason.WEB_IDENTITY_REFUSED, message, details=general.details)
    return general


def _misconfigured(message: str, details: Mapping[str, str] | None = None) -> ServiceError:
    return ServiceError(Reason.ACCOUNT_MISCONFIGURED, message, details=details)


def _unavailable(message: str, details: Mapping[str, str] | None = None) -> ServiceError:
    return ServiceError(Reason.AWS_UNAVAILABLE, message, details=details, retry_after_s=_RETRY_AFTER_S)
