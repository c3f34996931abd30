"""Forms that browsers send to the pages: read within bounds, and only from these pages themselves.

A form proves where it comes from twice: the browser names the page's origin, and the form carries a token that only a
page made for this session has. The token is an HMAC with the session as key, so nothing is kept for it.
"""

import asyncio
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from mcp_frontend.edge import read_body

TOKEN_FIELD: Final = "form_token"  # noqa: S105 - a field's name
_PURPOSE: Final = b"cwmcp connect form"
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MAX_BODY_BYTES: Final = 512 << 10
_MAX_FIELDS: Final = 5_000
_BODY_TIMEOUT_S: Final = 5.0

Form = dict[str, list[str]]


class RefusedFormError(Exception):
    """The form cannot be read or was not sent by one of our pages; the message says why, to the person."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def token_for(session: str) -> str:
    """What forms of this session's pages carry."""
    return hmac.new(session.encode(), _PURPOSE, hashlib.sha256).hexdigest()


async def read_form(request: Request, session: str, scheme: str) -> Form:
    """The form's fields. Raises RefusedFormError, ClientDisconnect.

    `scheme` is that by which browsers come here; the request's Host was checked before.
    """
    if request.headers.getlist("origin") != [f"{scheme}://{request.headers['host']}"]:
        raise RefusedFormError(403, "The form was not sent by a page of this server.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise RefusedFormError(415, f"Forms are sent as {_MEDIA_TYPE}.")
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            body = await read_body(request.receive, _MAX_BODY_BYTES)
    except TimeoutError as error:
        raise RefusedFormError(408, "The form did not arrive in time.") from error
    except ClientDisconnect as error:
        raise RefusedFormError(400, "The form did not arrive whole.") from error
    if body is None:
        raise RefusedFormError(413, "The form is too large.")
    form = _parse(body)
    if not hmac.compare_digest("".join(form.get(TOKEN_FIELD, ())).encode(), token_for(session).encode()):
        raise RefusedFormError(403, "The page was out of date. Nothing was changed.")
    return form


def _parse(body: bytes) -> Form:
    form: Form = {}
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise RefusedFormError(400, "The form cannot be read.") from error
    for name, value in fields:
        form.setdefault(name, []).append(value)
    return form
