"""Failures in words for a model: what happened and what to do next. Nothing else turns a ServiceError into words.

Some clients take certain words in a failure for a lost sign-in and hide the cause behind a dialogue. No text made here
contains them, whatever AWS said.
"""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from servicekit.errors import Reason, ServiceError

_MAX_MESSAGE_CHARACTERS: Final = 2_000
_MAX_FAULTS: Final = 10
_MAX_NAME_CHARACTERS: Final = 40
_ALTERNATIVES: Final = (("str",), ("int",), ("float",))

_SIGN_IN_AGAIN: Final = (
    "The sign-in is no longer accepted. Reconnect this server to sign in again, then repeat the call."
)
_A_FRESH_SIGN_IN: Final = (
    "Reconnect this server to sign in again; if that does not help, its administrator can find the cause."
)
_ASK_ADMINISTRATOR: Final = "Repeating the call will not help; the administrator of this server can fix it."

# {message} is the service's own sentence, and appears only where it adds something that a model can act on.
_WORDS: Final[dict[Reason, str]] = {
    Reason.INTERNAL: "Something failed inside the server. Try once more; if it fails again, report it.",
    Reason.INVALID_ARGUMENT: "The request is not valid: {message}. Correct it and call again.",
    Reason.UNAVAILABLE: "A part of the server does not answer now. Try again{soon}.",
    Reason.DEADLINE_EXCEEDED: (
        "The call took longer than it may. Ask for less: a shorter time range, fewer items or fewer log groups."
    ),
    Reason.PEER_NOT_ALLOWED: f"This server is set up wrongly: one part refuses another. {_ASK_ADMINISTRATOR}",
    Reason.TOO_MANY_CALLS: "Too many calls are under way. Wait for them to end, then try again{soon}.",
    Reason.USER_RATE_EXCEEDED: "The call was not made: {message}. Call again{soon}, and ask for more with each call.",
    Reason.USER_CALLS_EXCEEDED: "The call was not made: {message}. Wait until some have ended, then call again{soon}.",
    Reason.TOKEN_MALFORMED: _SIGN_IN_AGAIN,
    Reason.TOKEN_ISSUER_UNKNOWN: _SIGN_IN_AGAIN,
    Reason.TOKEN_AUDIENCE_WRONG: _SIGN_IN_AGAIN,
    Reason.TOKEN_EXPIRED: _SIGN_IN_AGAIN,
    Reason.TOKEN_SIGNATURE_INVALID: _SIGN_IN_AGAIN,
    Reason.TOKEN_CLAIMS_REFUSED: _SIGN_IN_AGAIN,
    Reason.TOKEN_REVOKED: _SIGN_IN_AGAIN,
    Reason.TOKEN_INACTIVE: _SIGN_IN_AGAIN,
    Reason.SCOPE_INSUFFICIENT: "The sign-in does not cover this tool. Reconnect this server and agree to its request.",
    Reason.EMAIL_MISMATCH: "The client names another person than the one who signed in. Reconnect this server.",
    Reason.ISSUER_UNAVAILABLE: "The company's identity provider does not answer now. Try again{soon}.",
    Reason.ASSERTION_INVALID: "The server could not confirm who is asking. Try once more, then reconnect this server.",
    Reason.ACCESS_NONE: "No AWS account is assigned to this user. The administrator of this server can assign one.",
    Reason.ACCOUNT_NOT_ALLOWED: (
        "That account is not one of the user's, or none was named and there is no default. "
        "Set profile_name, or the account in a resource's address, to one of: {accounts}."
    ),
    Reason.GROUPS_OMITTED: (
        "This user is in so many groups that the identity provider leaves them all out of the sign-in, so no AWS "
        "account can be found for them. The administrator of this server can have fewer groups sent, or roles."
    ),
    Reason.REGION_NOT_ALLOWED: "That region may not be used with this account. Set region to one of: {regions}.",
    Reason.SCAN_LIMIT_EXCEEDED: "The query was not run, to bound what queries cost: {message}.",
    Reason.PERMISSION_MISSING: (
        "This user may not do this here: {message}. Repeating the call will not help, other tools may: list_accounts "
        "tells what is permitted. The administrator of this server can permit more."
    ),
    Reason.QUERY_SLOTS_TAKEN: "The query was not run: {message}. Try again{soon}, with fewer queries at once.",
    Reason.ROLE_REFUSED: f"AWS refuses this user the role of the account. {_ASK_ADMINISTRATOR}",
    Reason.ACCOUNT_MISCONFIGURED: f"The account is not set up correctly in this server. {_ASK_ADMINISTRATOR}",
    Reason.AWS_ACCESS_DENIED: (
        "AWS denied {operation} to this user's role: {message}. Repeating it will not help: use another account "
        "(list_accounts) or region, or ask the AWS administrator for this permission."
    ),
    Reason.AWS_NOT_FOUND: "AWS does not know what was named: {message}. Check the name, the account and the region.",
    Reason.AWS_INVALID_REQUEST: "AWS refused the request: {message}. Correct the arguments and call again.",
    Reason.AWS_THROTTLED: "AWS asks to slow down: {message}. Try again{soon}, with fewer calls at once.",
    Reason.AWS_UNAVAILABLE: "AWS does not answer properly now: {message}. Try again{soon}.",
    Reason.WEB_IDENTITY_REFUSED: (
        f"AWS does not accept the user's sign-in for this account. {_A_FRESH_SIGN_IN} Another account (list_accounts) "
        "may work meanwhile."
    ),
    Reason.EXCHANGE_REFUSED: (
        f"The company's identity provider gives out nothing for AWS for this sign-in. {_A_FRESH_SIGN_IN}"
    ),
    Reason.CLAIMED_KEYS_REFUSED: (
        f"The sign-in carries no AWS keys that may be used here: {{message}}. {_A_FRESH_SIGN_IN}"
    ),
    Reason.AWS_NOT_CONNECTED: (
        "The user has not connected an AWS sign-in to this server yet, which is needed once, "
        "at the page /connect of this server."
    ),
    Reason.AWS_CONNECTION_ENDED: (
        "The user's connection to AWS has ended and is to be made again, at the page /connect of this server."
    ),
    Reason.CONNECT_LINK_REFUSED: "The link does not serve: {message}. Ask again for another one.",
    Reason.BROWSER_SESSION_ENDED: "The browser's session has ended. Open a link again.",
    Reason.BROWSER_SIGN_IN_REFUSED: "The browser's sign-in did not succeed: {message}.",
    Reason.CONNECTING_NOT_ALLOWED: f"This user may not connect an AWS sign-in here. {_ASK_ADMINISTRATOR}",
}

# Field names of the gRPC requests that differ from the tools' arguments.
_ARGUMENT_OF_FIELD: Final = {
    "account": "profile_name",
    "filters": "dimensions",
    "group_by": "group_by_dimension",
    "name_prefix": "log_group_name_prefix",
    "page_size": "max_items",
    "period_s": "period",
    "selectors": "match",
    "step_ms": "step",
    "timeout_s": "max_timeout",
    "widget_json": "widget",
}

# Metrics Insights by parts is asked for by arguments of their own, which become the only query.
_PATH_OF_PARTS: Final = "queries[0].insights."

_SUBSTITUTES: Final = {
    "oauth": "sign-in",
    "authentication": "sign-in",
    "unauthorized": "denied",
    "invalid_token": "token not accepted",
    "insufficient_scope": "permission missing",
    "rate limit": "request quota",
}
# Without ASCII, letters that no table lists, such as a dotless i, would be taken for their likes.
_TRIGGER_WORDS: Final = re.compile("|".join(_SUBSTITUTES), re.IGNORECASE | re.ASCII)
# Only when they stand alone: inside an account number or a request id the digits say nothing.
_TRIGGER_NUMBERS: Final = re.compile(r"(?<![0-9A-Za-z])40[13](?![0-9A-Za-z])")


def explain(error: ServiceError) -> str:
    """What a model should know about `error` and do next, free of the words that mislead clients."""
    known = {
        "message": error.message[:_MAX_MESSAGE_CHARACTERS].strip().rstrip("."),
        "operation": error.details.get("operation", "the operation"),
        "accounts": error.details.get("accounts", "the aliases that list_accounts gives"),
        "regions": error.details.get("regions", "the regions that list_accounts gives"),
        "soon": "" if error.retry_after_s is None else f" in {max(1, round(error.retry_after_s))} s",
    }
    if error.field is not None and error.reason is Reason.INVALID_ARGUMENT:
        known["message"] = f"{argument_of(error.field)}: {known['message']}"
    return without_trigger_words(_WORDS[error.reason].format_map(known) + _references(error))


def cancelled_text() -> str:
    """For a call that its client gave up."""
    return "The call was cancelled before it had ended; what it was doing in AWS was stopped."


def explain_arguments(tool_name: str, error: ValidationError, unknown: Iterable[str] = ()) -> str:
    """Which arguments of `tool_name` are wrong and why, by path; the values given are not repeated.

    `unknown` are names that it has no argument for: where one is missing, it was likely meant by one of them.
    """
    reasons: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False):
        reasons.setdefault(_path(fault), []).append(_reason(fault))
    lines = [f"{tool_name}: {len(reasons)} argument(s) not usable."]
    lines += [f"- {path}: {' / '.join(why)}" for path, why in list(reasons.items())[:_MAX_FAULTS]]
    names = _names(unknown)
    if names:
        lines.append(f"Not arguments of this tool: {names}.")
    return without_trigger_words("\n".join(lines))


def argument_of(field: str) -> str:
    """The tool argument that a field of a gRPC request stands for; a path keeps what follows its first name."""
    field = field.removeprefix(_PATH_OF_PARTS)
    name = re.split(r"[.\[]", field, maxsplit=1)[0]
    return _ARGUMENT_OF_FIELD.get(name, name) + field[len(name) :]


def without_trigger_words(text: str) -> str:
    """`text` with each word that clients take for a lost sign-in replaced by another of about the same meaning."""
    text = _TRIGGER_WORDS.sub(lambda found: _SUBSTITUTES[found.group().lower()], text)
    return _TRIGGER_NUMBERS.sub("4xx", text)


def _references(error: ServiceError) -> str:
    """What an administrator needs to find the failure in logs and CloudTrail."""
    named = {
        "AWS operation": error.details.get("operation"),
        "AWS error": error.details.get("aws_error_code"),
        "AWS request id": error.details.get("aws_request_id"),
        "incident": error.details.get("incident"),
    }
    given = [f"{name} {value}" for name, value in named.items() if value]
    return f" ({', '.join(given)})" if given else ""


def _path(fault: ErrorDetails) -> str:
    """Where the fault is, without the alternative that pydantic adds for a choice of types."""
    place = fault["loc"][:-1] if fault["loc"][-1:] in _ALTERNATIVES else fault["loc"]
    return ".".join(map(str, place)) or "arguments"


def _reason(fault: ErrorDetails) -> str:
    """Pydantic's words where they are JSON's too; and what an object has instead of what it lacks."""
    if fault["type"] == "tuple_type":
        return "Input should be a list"
    is_inside = len(fault["loc"]) > 1
    if fault["type"] == "missing" and is_inside and isinstance(fault["input"], dict) and fault["input"]:
        return f"Field required; given: {_names(fault['input'])}"
    return fault["msg"].removeprefix("Value error, ")


def _names(names: Iterable[str]) -> str:
    """The first names, each bounded, in a line."""
    return ", ".join(" ".join(name.split())[:_MAX_NAME_CHARACTERS] for name in list(names)[:_MAX_FAULTS])
