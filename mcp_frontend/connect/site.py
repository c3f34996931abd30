"""All under /connect: which view answers, within which bounds, and what is said when it fails.

Every answer is sent with the same strict headers. No address is logged or traced as it came: a link's is a secret.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing
from typing import Any, Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.connect import refusals as words
from mcp_frontend.connect.admission import Admission
from mcp_frontend.connect.connections import Connections, NotSetUpError
from mcp_frontend.connect.cookies import Cookies
from mcp_frontend.connect.forms import RefusedFormError
from mcp_frontend.connect.pages import Pages
from mcp_frontend.connect.progress import Progress
from mcp_frontend.connect.views import PATH, Views
from mcp_frontend.edge import client_address
from mcp_frontend.origins import AllowedOrigins
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.logs import log_incident
from servicekit.refusals import RefusalLog
from servicekit.telemetry import attributes

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("mcp_frontend.connect")
_TIMEOUT_S: Final = 20.0

View = Callable[[Request], Awaitable[Response]]


class _Route(NamedTuple):
    name: str
    """The path, for traces: without what makes a link a secret."""
    method: str
    view: View


class ConnectSite:
    """An ASGI application for /connect and all below it."""

    def __init__(self, stub: Any, resource: ProtectedResource, origins: AllowedOrigins, refusals: RefusalLog) -> None:
        """`stub` is an async ConnectionService stub; browsers come to the host of `resource`, by its scheme."""
        scheme = resource.url.partition(":")[0]
        is_https = scheme == "https"
        connections = Connections(stub)
        self._origins = origins
        self._progress = Progress(connections)
        self._pages = Pages(is_https=is_https)
        self._admission = Admission(refusals)
        self._views = Views(
            connections,
            self._progress,
            self._pages,
            Cookies(is_https=is_https),
            scheme=scheme,
            issuers=resource.authorization_servers,
        )
        views = self._views
        self._exact = {
            route.name: route
            for route in (
                _Route(PATH, "GET", views.overview),
                _Route(f"{PATH}/sign-in", "GET", views.sign_in),
                _Route(f"{PATH}/callback", "GET", views.callback),
                _Route(f"{PATH}/events", "GET", self._events),
                _Route(f"{PATH}/start", "POST", views.start),
                _Route(f"{PATH}/choose", "POST", views.choose),
                _Route(f"{PATH}/disconnect", "POST", views.disconnect),
                _Route(f"{PATH}/sign-out", "POST", views.sign_out),
            )
        }
        self._below = {
            f"{PATH}/l/": _Route(f"{PATH}/l/{{link}}", "GET", views.link),
            f"{PATH}/static/": _Route(f"{PATH}/static/{{name}}", "GET", self._file),
        }

    def stop(self) -> None:
        """End what would hold up the process."""
        self._progress.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in a trace of its own."""
        request = Request(scope, receive)
        route = self._find(scope["path"])
        name = route.name if route is not None else f"{PATH}/…"
        facts = {attributes.HTTP_METHOD: scope["method"], attributes.HTTP_PATH: name}
        with (
            deadline_in(_TIMEOUT_S),
            _tracer.start_as_current_span(
                f"{scope['method']} {name}",
                context=otel_context.Context(),
                kind=SpanKind.SERVER,
                attributes=facts,
                record_exception=False,
            ) as span,
        ):
            response = self._origins.refusal(Headers(scope=scope))
            if response is None:
                response = await self._answer(request, route)
            self._pages.secure(response)
            span.set_attribute(attributes.HTTP_STATUS, response.status_code)
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            await response(scope, receive, send)

    def _find(self, path: str) -> _Route | None:
        for beginning, route in self._below.items():
            rest = path.removeprefix(beginning)
            if rest != path:
                return route if rest and "/" not in rest else None
        return self._exact.get(path)

    async def _answer(self, request: Request, route: _Route | None) -> Response:
        if route is None:
            return self._not_found()
        if request.method != route.method:
            response = self._pages.message(405, "Not like this", ["Open the page of your connections anew."])
            response.headers["Allow"] = route.method
            return response
        try:
            with self._admission.request(client_address(request.scope)):
                return await route.view(request)
        except ServiceError as error:
            return self._refused(error)
        except RefusedFormError as error:
            return self._pages.message(error.status, "That did not work", [str(error)])
        except NotSetUpError:
            return self._pages.message(404, "Not set up here", ["This server uses no IAM Identity Center."])
        except Exception:
            return self._refused(log_incident(_log, f"the page {route.name}"))

    def _refused(self, error: ServiceError) -> Response:
        trace.get_current_span().set_attribute(attributes.REASON, error.reason.value)
        status = words.words_for(error).status
        if error.reason is Reason.BROWSER_SESSION_ENDED:
            return self._views.sign_in_page("session-ended", status)
        return self._pages.message(
            status, words.words_for(error).title, words.texts_for(error), words.retry_after_s(error)
        )

    def _not_found(self) -> Response:
        return self._pages.message(404, "There is no such page", ["Open the page of your connections."])

    async def _file(self, request: Request) -> Response:
        return self._pages.file(request.scope["path"].removeprefix(f"{PATH}/static/")) or self._not_found()

    async def _events(self, request: Request) -> Response:
        session, attempt_id = self._views.watched(request)
        if not attempt_id:
            return Response(status_code=204)  # ends an EventSource for good (HTML standard, section 9.2.3)
        place = ExitStack()
        place.enter_context(self._admission.stream(client_address(request.scope), session))
        return _Stream(self._progress.events(session, attempt_id), place)


class _Stream(StreamingResponse):
    """Server-sent events, which hold a place until the stream ends in any way."""

    def __init__(self, events: AsyncGenerator[bytes], place: ExitStack) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._events = events
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them until there are no more or the browser has gone."""
        with self._place:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)
