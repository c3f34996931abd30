"""What botocore raises, as ServiceError. AWS's own words stay: they are about the caller's own account."""

from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    ParamValidationError,
)

from servicekit.errors import Reason, ServiceError

_REASON_OF_CODE: Final = {
    "AccessDenied": Reason.AWS_ACCESS_DENIED,
    "AccessDeniedException": Reason.AWS_ACCESS_DENIED,
    "AuthorizationError": Reason.AWS_ACCESS_DENIED,
    "UnauthorizedOperation": Reason.AWS_ACCESS_DENIED,
    "ResourceNotFound": Reason.AWS_NOT_FOUND,
    "ResourceNotFoundException": Reason.AWS_NOT_FOUND,
    "LimitExceededException": Reason.AWS_THROTTLED,
    "RequestLimitExceeded": Reason.AWS_THROTTLED,
    "Throttling": Reason.AWS_THROTTLED,
    "ThrottlingException": Reason.AWS_THROTTLED,
    "ThrottledException": Reason.AWS_THROTTLED,
    "TooManyRequestsException": Reason.AWS_THROTTLED,
}
# What a status means where AWS gives no code of the above.
_REASON_OF_STATUS: Final = {
    403: Reason.AWS_ACCESS_DENIED,
    404: Reason.AWS_NOT_FOUND,
    429: Reason.AWS_THROTTLED,
}
# AWS general reference, common errors: the keys themselves are not accepted (any more).
_KEYS_REFUSED: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_ALSO_OF_REGIONS_NOT_ENABLED: Final = frozenset({"InvalidClientTokenId", "UnrecognizedClientException"})
_RETRY_AFTER_S: Final = {Reason.AWS_THROTTLED: 5.0, Reason.AWS_UNAVAILABLE: 2.0}


def are_keys_refused(error: Exception) -> bool:
    """Whether AWS does not accept the keys, so that others may help."""
    return isinstance(error, ClientError) and error.response["Error"].get("Code") in _KEYS_REFUSED


def request_id(error: Exception) -> str:
    """The AWS request id of a failure, or empty."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))


def broken_answer(operation: str) -> ServiceError:
    """The ServiceError for an answer to `operation` that botocore cannot read."""
    return _error(Reason.AWS_UNAVAILABLE, f"the answer of AWS to {operation} cannot be read", {"operation": operation})


def too_large_answer(operation: str, max_bytes: int) -> ServiceError:
    """The ServiceError for an answer to `operation` that is larger than this process reads."""
    message = f"AWS answered with more than {max_bytes >> 20} MiB; ask for fewer series, less time or a larger step"
    return ServiceError(Reason.INVALID_ARGUMENT, message, details={"operation": operation})


def refusal(operation: str, code: str, message: str, aws_request_id: str) -> ServiceError:
    """The ServiceError for an answer to `operation` whose status is good but which tells of an error."""
    details = {"operation": operation, "aws_error_code": code, "aws_request_id": aws_request_id}
    return _error(Reason.AWS_INVALID_REQUEST, f"{code}: {message}", details)


def to_service_error(error: ClientError | BotoCoreError, operation: str) -> ServiceError:
    """The ServiceError for a failure of `operation`, such as logs:StartQuery."""
    if isinstance(error, ClientError):
        return _from_answer(error, operation)
    details = {"operation": operation}
    if isinstance(error, ParamValidationError):
        return ServiceError(Reason.AWS_INVALID_REQUEST, str(error), details=details)
    if isinstance(error, ConnectionError | HTTPClientError):
        return _error(Reason.AWS_UNAVAILABLE, "AWS cannot be reached in this region now", details)
    return ServiceError(Reason.INTERNAL, "the call to AWS could not be made", details=details)


def _from_answer(error: ClientError, operation: str) -> ServiceError:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or "AWS gave no reason"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    details = {"operation": operation, "aws_error_code": code, "aws_request_id": request_id(error)}
    if are_keys_refused(error):
        hint = "; the region may not be enabled for the account" if code in _ALSO_OF_REGIONS_NOT_ENABLED else ""
        return _error(Reason.AWS_UNAVAILABLE, f"AWS does not accept the user's temporary keys now{hint}", details)
    reason = _REASON_OF_CODE.get(code) or _REASON_OF_STATUS.get(status)
    if reason is not None:
        return _error(reason, message, details)
    if status >= 500:
        return _error(Reason.AWS_UNAVAILABLE, f"AWS failed ({code or status})", details)
    return _error(Reason.AWS_INVALID_REQUEST, f"{code}: {message}" if code else message, details)


def _error(reason: Reason, message: str, details: dict[str, str]) -> ServiceError:
    return ServiceError(reason, message, details=details, retry_after_s=_RETRY_AFTER_S.get(reason))
