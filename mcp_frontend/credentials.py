"""Takes the credentials out of a request's headers. They go to auth_service and no further."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

MAX_CREDENTIAL_BYTES: Final = 16_384
MAX_EMAIL_BYTES: Final = 1_024
_EMAIL_HEADER: Final = b"x-user-email"
_BASE64_MARK: Final = "b64:"


class MalformedCredentialsError(Exception):
    """The headers are not as RFC 6750 has them; the message says how."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer, empty when there is none, and the e-mail that the client claims for the user, or empty."""

    token: str = field(repr=False)
    claimed_email: str


def take_credentials(scope: Scope) -> Credentials:
    """Read the credentials and remove them from the scope, so that nothing behind can pass them on.

    Raises MalformedCredentialsError.
    """
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    emails = [value for name, value in scope["headers"] if name == _EMAIL_HEADER]
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    if len(values) > 1:
        raise MalformedCredentialsError("there is more than one Authorization header")
    if values and len(values[0]) > MAX_CREDENTIAL_BYTES:
        raise MalformedCredentialsError(f"the Authorization header is longer than {MAX_CREDENTIAL_BYTES} bytes")
    scheme, _, token = (values[0] if values else b"").partition(b" ")
    bearer = token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
    return Credentials(bearer, _read_email(emails))


def _read_email(values: Sequence[bytes]) -> str:
    """The claimed e-mail. LibreChat sends names beyond Latin-1 as b64:… and, outside a chat, its placeholders raw."""
    if len(values) > 1:
        raise MalformedCredentialsError("there is more than one X-User-Email header")
    if values and len(values[0]) > MAX_EMAIL_BYTES:
        raise MalformedCredentialsError(f"the X-User-Email header is longer than {MAX_EMAIL_BYTES} bytes")
    value = values[0].decode("latin-1").strip() if values else ""
    if value.startswith("{{") and value.endswith("}}"):
        return ""
    if value.startswith(_BASE64_MARK):
        try:
            return base64.b64decode(value.removeprefix(_BASE64_MARK), validate=True).decode()
        except ValueError as error:  # not base64, not even ASCII, or not UTF-8 inside
            raise MalformedCredentialsError("X-User-Email is not proper base64") from error
    return value
