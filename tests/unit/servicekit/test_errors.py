"""The error type itself."""

import pytest

from servicekit.errors import Reason, ServiceError, invalid


def test_the_text_names_the_reason_and_the_message() -> None:
    assert str(ServiceError(Reason.AWS_THROTTLED, "slow down")) == "AWS_THROTTLED: slow down"


def test_details_are_a_copy_that_nobody_can_change() -> None:
    details = {"operation": "logs:StartQuery"}
    error = ServiceError(Reason.AWS_THROTTLED, "slow down", details=details)
    details["operation"] = "other"
    assert error.details == {"operation": "logs:StartQuery"}
    with pytest.raises(TypeError):
        error.details["operation"] = "other"  # type: ignore[index]


def test_invalid_names_the_field() -> None:
    error = invalid("queries[2].id", "is missing")
    assert (error.reason, error.field, error.message) == (Reason.INVALID_ARGUMENT, "queries[2].id", "is missing")


def test_again_says_the_same_without_a_traceback_or_a_cause() -> None:
    try:
        try:
            raise ValueError("a secret")
        except ValueError as cause:
            raise ServiceError(
                Reason.TOKEN_MALFORMED, "no", field="f", details={"a": "b"}, retry_after_s=2.0
            ) from cause
    except ServiceError as error:
        anew = error.again()
    assert (anew.__traceback__, anew.__cause__, anew.__context__) == (None, None, None)
    assert (anew.reason, anew.message, anew.field, anew.details, anew.retry_after_s) == (
        Reason.TOKEN_MALFORMED,
        "no",
        "f",
        {"a": "b"},
        2.0,
    )
