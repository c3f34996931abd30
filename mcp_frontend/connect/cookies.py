"""The cookies of the pages: the browser's session, a sign-in under way, an attempt under way.

None can be read by scripts. Over HTTPS their names begin with `__Host-`, so that no other host of the domain can set
them (RFC 6265bis, section 4.1.3.2). SameSite is Lax for all: the identity provider's answer, and every link to these
pages, comes from elsewhere. What changes anything is a form, which proves its page by more than a cookie (forms.py).
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

_MAX_CHARACTERS: Final = 4_096  # of name and value together browsers store no more (RFC 6265bis, section 5.6)
_ATTEMPT_PURPOSE: Final = b"cwmcp connect attempt\n"

Name = Literal["session", "sign-in", "attempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the person needs for approving, as long as the code serves. Kept by the browser, not by this process."""

    attempt_id: str
    user_code: str = field(repr=False)
    verification_url: str = field(repr=False)
    expires_at_s: int


class CookieTooLongError(Exception):
    """No browser would keep it."""


class Cookies:
    """Reads and writes them. `is_https` is whether browsers come by HTTPS, wherever TLS ends."""

    def __init__(self, *, is_https: bool) -> None:
        self._is_https = is_https
        self._prefix = "__Host-cwmcp-" if is_https else "cwmcp-"

    def read(self, request: Request, name: Name) -> str:
        """The cookie's content, or the empty string."""
        value = request.cookies.get(self._prefix + name, "")
        return value if len(value) <= _MAX_CHARACTERS and value.isascii() else ""

    def write(self, response: Response, name: Name, value: str, lifetime_s: int) -> None:
        """Set it for `lifetime_s`. Raises CookieTooLongError."""
        if len(value) > _MAX_CHARACTERS - len(self._prefix + name):
            raise CookieTooLongError
        response.set_cookie(
            self._prefix + name, value, max_age=lifetime_s, httponly=True, secure=self._is_https, samesite="lax"
        )

    def drop(self, response: Response, *names: Name) -> None:
        """Have the browser forget them."""
        for name in names:
            response.delete_cookie(self._prefix + name, httponly=True, secure=self._is_https, samesite="lax")

    def read_attempt(self, request: Request, session: str, now_s: float) -> Attempt | None:
        """The attempt under way, where this session's browser has one that this server wrote."""
        encoded, _, tag = self.read(request, "attempt").partition(".")
        if not encoded or not hmac.compare_digest(tag, _tag(encoded, session)):
            return None
        try:
            attempt = Attempt(**json.loads(base64.urlsafe_b64decode(encoded)))
        except (binascii.Error, ValueError, TypeError):  # that of another version
            return None
        return attempt if attempt.expires_at_s > now_s else None

    def write_attempt(self, response: Response, session: str, attempt: Attempt, now_s: float) -> None:
        """Keep the attempt until its code ends. Raises CookieTooLongError."""
        encoded = base64.urlsafe_b64encode(json.dumps(asdict(attempt)).encode()).decode("ascii")
        value = f"{encoded}.{_tag(encoded, session)}"
        self.write(response, "attempt", value, max(1, int(attempt.expires_at_s - now_s)))


def _tag(encoded: str, session: str) -> str:
    return hmac.new(session.encode(), _ATTEMPT_PURPOSE + encoded.encode(), hashlib.sha256).hexdigest()
