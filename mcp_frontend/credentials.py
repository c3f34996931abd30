"""Takes the credentials out of a request's headers. They go to auth_service and no further."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

MAX_CREDENTIAL_BYTES: Final = 16_384
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
    return Credentials(bearer, _read_email(emails[0]) if emails else "")


def _read_email(raw: bytes) -> str:
    """The claimed e-mail. LibreChat sends names beyond Latin-1 as b64:… and, outside a chat, its placeholders raw."""
    value = raw.decode("latin-1").strip()
    if value.startswith("{{") and value.endswith("}}"):
        return ""
    if value.startswith(_BASE64_MARK):
        try:
            return base64.b64decode(value.removeprefix(_BASE64_MARK), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise MalformedCredentialsError("X-User-Email is not proper base64") from error
    return value
