"""What the pages say to a person when something is refused or fails: in the words of somebody who sits at a browser."""

from dataclasses import dataclass
from typing import Final

from servicekit.errors import Reason, ServiceError

_ASK_AGAIN: Final = "Ask your question in the chat again: the answer brings a new link."
_ADMINISTRATOR: Final = "If it happens again, tell the administrator of this server."


@dataclass(frozen=True, slots=True)
class Words:
    """One page."""

    status: int
    title: str
    text: str
    shows_reason: bool = False
    """Whether auth_service's own sentence helps the person."""


_WORDS: Final[dict[Reason, Words]] = {
    Reason.CONNECT_LINK_REFUSED: Words(
        410,
        "This link does not work",
        "Each link works once, for a few minutes, and only for the person who asked in the chat. If somebody else gave "
        f"it to you, tell them that it is of no use. {_ASK_AGAIN}",
        shows_reason=True,
    ),
    Reason.BROWSER_SIGN_IN_REFUSED: Words(
        403, "The sign-in did not work", f"Nothing was connected. {_ASK_AGAIN}", shows_reason=True
    ),
    Reason.BROWSER_SESSION_ENDED: Words(403, "Your session here has ended", "Sign in again to go on."),
    Reason.CONNECTING_NOT_ALLOWED: Words(
        403,
        "You cannot connect AWS here",
        "The rules of this server give you no access through IAM Identity Center. Its administrator can change that.",
    ),
    Reason.INVALID_ARGUMENT: Words(
        400, "That did not work", "Nothing was changed. Open the page anew.", shows_reason=True
    ),
    Reason.TOO_MANY_CALLS: Words(
        429, "Too many requests", "Many people, or one program, use this page now. Wait a little."
    ),
    Reason.USER_RATE_EXCEEDED: Words(
        429, "Too many attempts", "Wait a little before you try again.", shows_reason=True
    ),
    Reason.AWS_CONNECTION_ENDED: Words(
        409, "The connection has ended", "Connect again on the page of your connections."
    ),
    Reason.AWS_NOT_CONNECTED: Words(409, "There is no connection", "Connect on the page of your connections."),
}
_BUSY: Final = Words(
    503, "Not available right now", f"A part of the server does not answer. Try again soon. {_ADMINISTRATOR}"
)
_BUSY_REASONS: Final = frozenset(
    {
        Reason.UNAVAILABLE,
        Reason.DEADLINE_EXCEEDED,
        Reason.ISSUER_UNAVAILABLE,
        Reason.AWS_UNAVAILABLE,
        Reason.AWS_THROTTLED,
    }
)
_FAILED: Final = Words(500, "Something went wrong", f"The server could not do it. {_ADMINISTRATOR}")
_DEFAULT_RETRY_AFTER_S: Final = 5.0


def words_for(error: ServiceError) -> Words:
    """The page for a refusal or failure."""
    if error.reason in _BUSY_REASONS:
        return _BUSY
    return _WORDS.get(error.reason, _FAILED)


def texts_for(error: ServiceError) -> list[str]:
    """What that page says, paragraph by paragraph."""
    words = words_for(error)
    texts = [words.text]
    if words.shows_reason and error.message:
        texts.append(f"Reason: {error.message}.")
    incident = error.details.get("incident")
    if incident:
        texts.append(f"The server's log has incident {incident}.")
    return texts


def retry_after_s(error: ServiceError) -> float | None:
    """When to try again, where waiting helps."""
    waits = words_for(error).status in (429, 503)
    return (error.retry_after_s or _DEFAULT_RETRY_AFTER_S) if waits else None
