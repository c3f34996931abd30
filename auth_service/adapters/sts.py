"""AWS STS: assumes a role for one user with the service's own identity. The only user of that identity."""

import time
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Account
from auth_service.domain.role_sessions import session_name, session_policy, session_tags, source_identity
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
# What only the operator can mend: AWS STS API reference, AssumeRole and common errors.
_MISCONFIGURED: Final = frozenset(
    {"MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException", "ValidationError"}
)
_RETRY_AFTER_S: Final = 2.0


class RoleAssumer:
    """The strategy `assume_role`."""

    def __init__(self, sts: Any) -> None:
        """`sts` is an open aioboto3 STS client that signs with the service identity."""
        self._sts = sts

    async def issue(self, principal: Principal, account: Account) -> AwsCredentials:
        """Credentials of the account's role for this user, named, tagged and limited.

        Raises ROLE_REFUSED, ACCOUNT_MISCONFIGURED or AWS_UNAVAILABLE.
        """
        parameters: dict[str, Any] = {
            "RoleArn": account.role_arn,
            "RoleSessionName": session_name(principal),
            "SourceIdentity": source_identity(principal),
            "Tags": session_tags(principal),
            "DurationSeconds": account.session_duration_s,
        }
        if account.external_id is not None:
            parameters["ExternalId"] = account.external_id
        policy = session_policy(account)
        if policy is not None:
            parameters["Policy"] = policy
        try:
            answer = await self._sts.assume_role(**parameters)
        except ClientError as error:
            raise _to_service_error(error) from error
        except ParamValidationError as error:
            message = "AWS does not accept how the account is configured (ParamValidation)"
            raise ServiceError(Reason.ACCOUNT_MISCONFIGURED, message) from error
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


def _to_service_error(error: ClientError) -> ServiceError:
    code = error.response["Error"].get("Code", "")
    details = {
        "operation": "sts:AssumeRole",
        "aws_error_code": code,
        "aws_request_id": error.response["ResponseMetadata"].get("RequestId", ""),
    }
    if code in _REFUSED:
        return ServiceError(Reason.ROLE_REFUSED, "AWS refused to issue credentials for the account", details=details)
    if code in _MISCONFIGURED:
        message = f"AWS does not accept how the account is configured ({code})"
        return ServiceError(Reason.ACCOUNT_MISCONFIGURED, message, details=details)
    return _unavailable(f"AWS STS failed ({code})", details)


def _unavailable(message: str, details: dict[str, str] | None = None) -> ServiceError:
    return ServiceError(Reason.AWS_UNAVAILABLE, message, details=details, retry_after_s=_RETRY_AFTER_S)
