"""Failures in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from mcp_frontend.rendering import argument_of, cancelled_text, explain, explain_arguments, without_trigger_words
from servicekit.errors import Reason, ServiceError

TRIGGER_WORDS = (
    "401",
    "403",
    "oauth",
    "authentication",
    "unauthorized",
    "invalid_token",
    "insufficient_scope",
    "rate limit",
)
ALL_DETAILS = {
    "operation": "logs:StartQuery",
    "aws_error_code": "UnauthorizedOperation",
    "aws_request_id": "0b6c2f7e-95a1-4c55-8a70-d6c8f7d1a222",
    "accounts": "dev, prod",
    "regions": "eu-west-1",
    "incident": "00ff",
    "scope": "cloudwatch:read",
}


def _triggers_in(text: str) -> list[str]:
    return [word for word in TRIGGER_WORDS if word in text.lower()]


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize(
    "message",
    [
        "",
        "You are Unauthorized (HTTP 401): authentication by OAuth failed, rate limit reached",
        "status=403 invalid_token insufficient_scope",
        "{braces} {0} and % stay harmless",
        "AUTHENTICATION, but not authent\u0131cation nor in\u017fufficient_scope",  # letters that I and S fold to
    ],
)
def test_no_reason_and_no_message_brings_trigger_words(reason: Reason, message: str) -> None:
    text = explain(ServiceError(reason, message, field="account", details=ALL_DETAILS, retry_after_s=2.5))
    assert _triggers_in(text) == []
    assert len(text) > 40


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_needs_no_details(reason: Reason) -> None:
    text = explain(ServiceError(reason, "why"))
    assert "None" not in text
    assert "{" not in text


def test_cancelled_text_has_no_trigger_words() -> None:
    assert _triggers_in(cancelled_text()) == []


def test_accounts_are_listed() -> None:
    error = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no", field="account", details={"accounts": "dev, prod"})
    assert "Set profile_name, or the account in a resource's address, to one of: dev, prod." in explain(error)


def test_regions_are_listed() -> None:
    error = ServiceError(Reason.REGION_NOT_ALLOWED, "no", field="region", details={"regions": "eu-west-1"})
    assert "region to one of: eu-west-1." in explain(error)


def test_denial_by_aws_names_operation_cause_and_request_id() -> None:
    message = "User: arn:aws:sts::123440156789:assumed-role/x is not authorized to perform: logs:StartQuery."
    details = {"operation": "logs:StartQuery", "aws_request_id": "c0ffee"}
    text = explain(ServiceError(Reason.AWS_ACCESS_DENIED, message, details=details))
    assert "AWS denied logs:StartQuery" in text
    assert message in text
    assert "AWS request id c0ffee" in text


@pytest.mark.parametrize(
    ("retry_after_s", "expected"), [(5.0, "Try again in 5 s"), (0.1, "Try again in 1 s"), (None, "Try again,")]
)
def test_throttling_says_when_to_retry(retry_after_s: float | None, expected: str) -> None:
    text = explain(ServiceError(Reason.AWS_THROTTLED, "Rate exceeded", retry_after_s=retry_after_s))
    assert "Rate exceeded" in text
    assert expected in text


def test_internal_failure_hides_the_message_and_gives_the_incident() -> None:
    text = explain(ServiceError(Reason.INTERNAL, "secret innards", details={"incident": "00ff"}))
    assert "incident 00ff" in text
    assert "innards" not in text


def test_invalid_argument_is_named_as_the_tool_names_it() -> None:
    text = explain(ServiceError(Reason.INVALID_ARGUMENT, "must be at least 1", field="page_size"))
    assert "max_items: must be at least 1." in text


def test_long_messages_are_cut() -> None:
    assert len(explain(ServiceError(Reason.AWS_INVALID_REQUEST, "x" * 100_000))) < 3_000


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("account", "profile_name"),
        ("queries[2].period_s", "queries[2].period_s"),
        ("filters[0].name", "dimensions[0].name"),
        ("account_identifiers", "account_identifiers"),
        ("queries[0].insights.filters[1].value", "dimensions[1].value"),
        ("queries[1].metric_stat.namespace", "queries[1].metric_stat.namespace"),
    ],
)
def test_argument_of_field(field: str, argument: str) -> None:
    assert argument_of(field) == argument


@pytest.mark.parametrize(
    "harmless",
    [
        "is not authorized to perform: logs:StartQuery",
        "Rate exceeded",
        "account 123440156789",
        "request 1401a-4030",
    ],
)
def test_harmless_text_stays(harmless: str) -> None:
    assert without_trigger_words(harmless) == harmless


@given(
    st.lists(
        st.sampled_from([*TRIGGER_WORDS[2:], "un", "auth", "o", "rate ", " 401 ", "-403.", "(401)", "Unauthorized"])
    ).map("".join)
)
def test_nothing_is_left_over_or_made_anew(text: str) -> None:
    cleaned = without_trigger_words(text)
    assert _triggers_in(cleaned) == []


class _Inner(BaseModel):
    count: int


class _Outer(BaseModel):
    items: list[_Inner]
    rows: tuple[str, ...] = ()
    when: str | int | float = 0


def test_argument_faults_name_tool_path_and_reason_but_no_values() -> None:
    with pytest.raises(ValidationError) as caught:
        _Outer.model_validate({"items": [{"count": 1}, {"count": "hunter2"}]})
    text = explain_arguments("get_things", caught.value)
    assert text.splitlines()[0] == "get_things: 1 argument(s) not usable."
    assert "- items.1.count: Input should be a valid integer" in text
    assert "hunter2" not in text


def test_argument_faults_speak_of_json_and_of_what_was_given_instead() -> None:
    with pytest.raises(ValidationError) as caught:
        _Outer.model_validate({"items": [{"Count": "hunter2"}], "rows": "a,b", "when": []})
    lines = explain_arguments("t", caught.value, ["item", "x" * 99]).splitlines()
    assert lines == [
        "t: 3 argument(s) not usable.",
        "- items.0.count: Field required; given: Count",
        "- rows: Input should be a list",
        "- when: Input should be a valid string / Input should be a valid integer / Input should be a valid number",
        f"Not arguments of this tool: item, {'x' * 40}.",
    ]


def test_many_argument_faults_are_counted_and_bounded() -> None:
    with pytest.raises(ValidationError) as caught:
        _Outer.model_validate({"items": [{}] * 40})
    lines = explain_arguments("t", caught.value).splitlines()
    assert lines[0].startswith("t: 40 ")
    assert len(lines) == 11
