"""The one error type of all services. Pure: it knows neither gRPC nor any service.

`servicekit.grpc_errors` carries it across the wire; only the frontend turns it into words for a model.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reason(StrEnum):
    """Why a call was refused or failed. A contract test keeps it equal to `cwmcp.errors.v1.ErrorReason`."""

    INTERNAL = "INTERNAL"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNAVAILABLE = "UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    PEER_NOT_ALLOWED = "PEER_NOT_ALLOWED"
    TOO_MANY_CALLS = "TOO_MANY_CALLS"
    USER_RATE_EXCEEDED = "USER_RATE_EXCEEDED"
    USER_CALLS_EXCEEDED = "USER_CALLS_EXCEEDED"

    TOKEN_MALFORMED = "TOKEN_MALFORMED"  # noqa: S105 - a name, not a token
    TOKEN_ISSUER_UNKNOWN = "TOKEN_ISSUER_UNKNOWN"  # noqa: S105 - a name
    TOKEN_AUDIENCE_WRONG = "TOKEN_AUDIENCE_WRONG"  # noqa: S105 - a name
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a name
    TOKEN_SIGNATURE_INVALID = "TOKEN_SIGNATURE_INVALID"  # noqa: S105 - a name
    TOKEN_CLAIMS_REFUSED = "TOKEN_CLAIMS_REFUSED"  # noqa: S105 - a name
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - a name
    TOKEN_INACTIVE = "TOKEN_INACTIVE"  # noqa: S105 - a name
    SCOPE_INSUFFICIENT = "SCOPE_INSUFFICIENT"
    EMAIL_MISMATCH = "EMAIL_MISMATCH"
    ISSUER_UNAVAILABLE = "ISSUER_UNAVAILABLE"

    ASSERTION_INVALID = "ASSERTION_INVALID"
    ACCESS_NONE = "ACCESS_NONE"
    ACCOUNT_NOT_ALLOWED = "ACCOUNT_NOT_ALLOWED"
    GROUPS_OMITTED = "GROUPS_OMITTED"
    REGION_NOT_ALLOWED = "REGION_NOT_ALLOWED"
    SCAN_LIMIT_EXCEEDED = "SCAN_LIMIT_EXCEEDED"
    PERMISSION_MISSING = "PERMISSION_MISSING"
    QUERY_SLOTS_TAKEN = "QUERY_SLOTS_TAKEN"

    ROLE_REFUSED = "ROLE_REFUSED"
    ACCOUNT_MISCONFIGURED = "ACCOUNT_MISCONFIGURED"
    AWS_ACCESS_DENIED = "AWS_ACCESS_DENIED"
    AWS_NOT_FOUND = "AWS_NOT_FOUND"
    AWS_INVALID_REQUEST = "AWS_INVALID_REQUEST"
    AWS_THROTTLED = "AWS_THROTTLED"
    AWS_UNAVAILABLE = "AWS_UNAVAILABLE"

    WEB_IDENTITY_REFUSED = "WEB_IDENTITY_REFUSED"
    EXCHANGE_REFUSED = "EXCHANGE_REFUSED"
    CLAIMED_KEYS_REFUSED = "CLAIMED_KEYS_REFUSED"

    AWS_NOT_CONNECTED = "AWS_NOT_CONNECTED"
    AWS_CONNECTION_ENDED = "AWS_CONNECTION_ENDED"
    CONNECT_LINK_REFUSED = "CONNECT_LINK_REFUSED"
    BROWSER_SESSION_ENDED = "BROWSER_SESSION_ENDED"
    BROWSER_SIGN_IN_REFUSED = "BROWSER_SIGN_IN_REFUSED"
    CONNECTING_NOT_ALLOWED = "CONNECTING_NOT_ALLOWED"


ABOUT_THE_SIGN_IN: Final = frozenset(
    {
        Reason.ASSERTION_INVALID,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
        Reason.WEB_IDENTITY_REFUSED,
        Reason.EXCHANGE_REFUSED,
        Reason.CLAIMED_KEYS_REFUSED,
    }
)
"""Refusals of one assertion, or of the token inside it: the same user may well get through with the next one."""

NEEDS_CONNECTING: Final = frozenset({Reason.AWS_NOT_CONNECTED, Reason.AWS_CONNECTION_ENDED})
"""The user can mend it by connecting an AWS sign-in of IAM Identity Center."""


class ServiceError(Exception):
    """A refusal or failure with a reason.

    `message` is for people and may cross to any caller: no secrets, no internals. `field` names the request field at
    fault, as a path in the request message. `details` are short facts such as `aws_request_id`; keys are snake_case.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.details: Mapping[str, str] = MappingProxyType(dict(details or {}))
        self.retry_after_s = retry_after_s

    def again(self) -> "ServiceError":
        """The same refusal anew: for caches, which must not hold a traceback and with it whatever was refused."""
        return ServiceError(
            self.reason, self.message, field=self.field, details=self.details, retry_after_s=self.retry_after_s
        )

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def invalid(field: str, message: str) -> ServiceError:
    """The error for a request field that is missing or malformed."""
    return ServiceError(Reason.INVALID_ARGUMENT, message, field=field)
