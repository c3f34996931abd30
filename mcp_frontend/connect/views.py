"""What each page does: reads cookies and forms, asks auth_service, and answers with a page or sends the browser on.

After a form the browser is always sent to the one page of connections, which can be loaded again without harm.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

from cwmcp.auth.v1 import connection_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mcp_frontend.connect.connections import Connections
from mcp_frontend.connect.cookies import Attempt, Cookies
from mcp_frontend.connect.forms import TOKEN_FIELD, Form, RefusedFormError, read_form, token_for
from mcp_frontend.connect.pages import Pages
from mcp_frontend.connect.progress import WAITING, Progress
from servicekit.errors import Reason, ServiceError

PATH: Final = "/connect"
_MAX_PARAMETER_CHARACTERS: Final = 8_192
_NOTICES: Final = frozenset({"chosen", "disconnected", "signed-out"})


class Views:
    """The pages by name. All raise ServiceError, RefusedFormError, NotSetUpError, CookieTooLongError."""

    def __init__(
        self,
        connections: Connections,
        progress: Progress,
        pages: Pages,
        cookies: Cookies,
        *,
        scheme: str,
        issuers: Sequence[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`scheme` is that by which browsers come; `issuers` are where people may sign in, offered where several."""
        self._connections = connections
        self._progress = progress
        self._pages = pages
        self._cookies = cookies
        self._scheme = scheme
        self._issuers = issuers
        self._now = now

    async def link(self, request: Request) -> Response:
        """Somebody opened a link: sign in first."""
        return await self._sign_in(request.scope["path"].removeprefix(f"{PATH}/l/"), "")

    async def sign_in(self, request: Request) -> Response:
        """Somebody wants to see their connections: sign in first."""
        issuer = request.query_params.get("issuer", "")
        if issuer and issuer not in self._issuers:
            raise ServiceError(Reason.INVALID_ARGUMENT, "nobody signs in there")
        return await self._sign_in("", issuer)

    async def callback(self, request: Request) -> Response:
        """The identity provider sent the browser back."""
        transaction = self._cookies.read(request, "sign-in")
        answer = {name: request.query_params.getlist(name) for name in ("state", "code", "iss", "error")}
        # Each once: of two, this process and auth_service could take different ones (RFC 6749, section 3.1).
        if any(len(values) > 1 or len("".join(values)) > _MAX_PARAMETER_CHARACTERS for values in answer.values()):
            raise ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, "the identity provider's answer cannot be read")
        if not transaction:
            raise ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, "it was not begun in this browser, or took too long")
        state, code, issuer, error = ("".join(values) for values in answer.values())
        session = await self._connections.finish_sign_in(
            pb.FinishSignInRequest(transaction=transaction, state=state, code=code, issuer=issuer, error=error)
        )
        response = _see_other(PATH)
        self._cookies.drop(response, "attempt", "sign-in")
        self._cookies.write(response, "session", session.session, self._seconds_until(session.expire_time))
        return response

    async def overview(self, request: Request) -> Response:
        """Who is signed in, what is connected, and what is under way."""
        session = self._cookies.read(request, "session")
        notice = request.query_params.get("done", "")
        notice = notice if notice in _NOTICES else ""
        if not session:
            return self.sign_in_page(notice)
        attempt = self._cookies.read_attempt(request, session, self._now())
        if attempt is not None and "check" in request.query_params:
            state = await self._progress.look(session, attempt.attempt_id)
            if state != WAITING:
                notice, attempt = state, None
        listing = await self._connections.list_connections(session)
        facts = {
            "listing": listing,
            "attempt": attempt,
            "notice": notice,
            "token_field": TOKEN_FIELD,
            "token": token_for(session),
        }
        response = self._pages.page("connections", facts)
        if attempt is None:
            self._cookies.drop(response, "attempt")
        return response

    async def start(self, request: Request) -> Response:
        """Have Identity Center make a code."""
        session, _ = await self._read_form(request)
        started = await self._connections.start_attempt(session)
        attempt = Attempt(started.attempt_id, started.user_code, started.verification_url, started.expire_time.seconds)
        response = _see_other(PATH)
        self._cookies.write_attempt(response, session, attempt, self._now())
        return response

    async def choose(self, request: Request) -> Response:
        """Use these accounts and roles."""
        session, form = await self._read_form(request)
        roles = [_role_of(value) for value in form.get("role", [])]
        await self._connections.choose_roles(
            pb.ChooseRolesRequest(session=session, connection_id=_one(form, "connection"), roles=roles)
        )
        return _see_other(PATH, done="chosen")

    async def disconnect(self, request: Request) -> Response:
        """End a connection."""
        session, form = await self._read_form(request)
        await self._connections.disconnect(session, _one(form, "connection"))
        return _see_other(PATH, done="disconnected")

    async def sign_out(self, request: Request) -> Response:
        """End the browser's session. What is connected stays so."""
        session, _ = await self._read_form(request)
        await self._connections.end_session(session)
        response = _see_other(PATH, done="signed-out")
        self._cookies.drop(response, "attempt", "session")
        return response

    def watched(self, request: Request) -> tuple[str, str]:
        """The session and the attempt that the browser wants to watch; empty where it has none."""
        session = self._cookies.read(request, "session")
        attempt = self._cookies.read_attempt(request, session, self._now()) if session else None
        return (session, attempt.attempt_id) if attempt is not None else ("", "")

    def sign_in_page(self, notice: str, status: int = 200) -> Response:
        """For who has no session; what cookies there are of one are dropped."""
        issuers = [(urlsplit(issuer).netloc or issuer, f"?{urlencode({'issuer': issuer})}") for issuer in self._issuers]
        choices = issuers if len(issuers) > 1 else []
        response = self._pages.page("sign_in", {"notice": notice, "choices": choices}, status)
        self._cookies.drop(response, "attempt", "session")
        return response

    async def _sign_in(self, link: str, issuer: str) -> Response:
        begun = await self._connections.begin_sign_in(link, issuer)
        response = _see_other(begun.authorization_url)
        self._cookies.write(response, "sign-in", begun.transaction, self._seconds_until(begun.expire_time))
        return response

    async def _read_form(self, request: Request) -> tuple[str, Form]:
        session = self._cookies.read(request, "session")
        if not session:
            raise ServiceError(Reason.BROWSER_SESSION_ENDED, "there is no session")
        return session, await read_form(request, session, self._scheme)

    def _seconds_until(self, time: Timestamp) -> int:
        return max(1, int(time.seconds - self._now()))


def _see_other(address: str, **parameters: str) -> Response:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return RedirectResponse(address + query, status_code=303)


def _one(form: Form, name: str) -> str:
    values = form.get(name, [])
    if len(values) != 1 or not values[0]:
        raise RefusedFormError(400, "The form is not complete. Nothing was changed.")
    return values[0]


def _role_of(value: str) -> pb.ChosenRole:
    account_id, _, role_name = value.partition(" ")
    if not account_id or not role_name:
        raise RefusedFormError(400, "The form names something that is no role. Nothing was changed.")
    return pb.ChosenRole(account_id=account_id, role_name=role_name)
