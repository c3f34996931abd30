"""The composition root: builds everything once, in order; leaving it undoes it in reverse."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceStub
from cwmcp.auth.v1.backchannel_logout_service_pb2_grpc import BackchannelLogoutServiceStub
from cwmcp.auth.v1.connection_service_pb2_grpc import ConnectionServiceStub
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, Router

from mcp_frontend import backchannel_logout
from mcp_frontend.authentication import AuthServiceAuthentication
from mcp_frontend.backchannel_logout import BackchannelLogoutEndpoint
from mcp_frontend.backends import Backends
from mcp_frontend.challenges import METADATA_PATH, ProtectedResource, metadata_response
from mcp_frontend.charts.worker import chart_worker
from mcp_frontend.connect.site import ConnectSite
from mcp_frontend.connect.views import PATH as CONNECT_PATH
from mcp_frontend.connecting import ConnectLinks
from mcp_frontend.context_handlers import ContextHandlers
from mcp_frontend.door import Door
from mcp_frontend.edge import Edge
from mcp_frontend.http_server import serving_http
from mcp_frontend.mcp_server import McpApplication, Tools
from mcp_frontend.message_rates import MessageRates
from mcp_frontend.origins import AllowedOrigins
from mcp_frontend.readiness import Readiness
from mcp_frontend.running_calls import RunningCalls
from mcp_frontend.settings import FrontendSettings
from mcp_frontend.user_requests import UserRequests
from servicekit.background import in_background
from servicekit.grpc_client import connected
from servicekit.lifecycle import ConfigurationError, check_all
from servicekit.refusals import RefusalLog
from servicekit.telemetry.setup import tracing

_log = logging.getLogger(__name__)
_NAME = "mcp-frontend"
_AUTHENTICATE = ("cwmcp.auth.v1.AuthenticationService", "Authenticate")
# Reads, and stopping a query twice, may be sent again; what starts queries does so each time and may not.
_RETRIED = tuple(
    (f"cwmcp.cloudwatch.v1.{service}", method)
    for service, methods in {
        "AccountsService": ("ListAccounts",),
        "AlarmsService": ("ListActiveAlarms", "GetAlarmHistory", "ListAlarmComponents", "ListAlarmNames"),
        "ContributorInsightsService": ("ListInsightRules", "GetInsightRuleReport"),
        "DashboardsService": ("ListDashboards", "GetDashboard", "GetWidgetImage"),
        "LogAnalysisService": ("ListLogGroupFields", "RecommendAccountIndexes"),
        "LogsService": ("ListLogGroups", "GetQueryResults", "StopQuery"),
        "MetricAnalysisService": ("AnalyzeMetric", "RecommendAlarms"),
        "MetricCatalogService": ("GetMetricMetadata",),
        "MetricsService": ("GetMetricData",),
        "PromqlService": ("EvaluateQuery", "EvaluateRangeQuery", "ListLabelValues", "ListSeries", "ListLabels"),
    }.items()
    for method in methods
)


def check(settings: FrontendSettings) -> None:
    """Read what the settings point to. Raises ConfigurationError naming every fault."""
    check_all((settings.tls.read, lambda: _check_https(settings)))


def _check_https(settings: FrontendSettings) -> None:
    """Raises ConfigurationError."""
    if settings.https_cert_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.https_cert_file, settings.https_key_file)
    except OSError as error:
        files = f"{settings.https_cert_file} and {settings.https_key_file}"
        raise ConfigurationError(f"{files} are not a certificate and its key: {error}") from error


@asynccontextmanager
async def open_service(settings: FrontendSettings) -> AsyncIterator[None]:
    """Serve while open. Raises CertificateError, OSError."""
    if not settings.enable_auth:
        _log.warning("ENABLE_AUTH=false: every caller is let in with this machine's AWS access; for development only")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing(_NAME, version("cloudwatch-mcp"), settings.otlp_endpoint))
        auth = await stack.enter_async_context(
            connected(settings.auth_target, settings.auth_server_name, settings.tls, retried_methods=[_AUTHENTICATE])
        )
        cloudwatch = await stack.enter_async_context(
            connected(
                settings.cloudwatch_target, settings.cloudwatch_server_name, settings.tls, retried_methods=_RETRIED
            )
        )
        readiness = Readiness(
            {
                "auth_service": (auth, "cwmcp.auth.v1.AuthenticationService"),
                "cloudwatch_service": (cloudwatch, "cwmcp.cloudwatch.v1.AlarmsService"),
            }
        )
        refusals = RefusalLog(logging.getLogger("mcp_frontend.refusals"))
        await stack.enter_async_context(in_background(refusals.keep_summing_up()))
        calls = RunningCalls()
        charts = await stack.enter_async_context(chart_worker())
        requests = UserRequests(Backends.over(cloudwatch), charts, settings.call_timeout_s, settings.call_limits)
        handlers = ContextHandlers(requests, now=lambda: datetime.now(UTC))
        rates = MessageRates(settings.max_requests_per_user_minute, refusals)
        mcp = McpApplication(
            Tools(requests, ConnectLinks(ConnectionServiceStub(auth))), handlers, rates, settings.max_body_bytes
        )
        await stack.enter_async_context(mcp.running())
        origins = AllowedOrigins(settings.resource_url, settings.allowed_hosts, settings.allowed_origins)
        edge = Edge(
            mcp,
            resource=settings.resource,
            origins=origins,
            authentication=Door(
                AuthServiceAuthentication(AuthenticationServiceStub(auth)), settings.door_limits, refusals
            ),
            calls=calls,
            requires_token=settings.enable_auth,
            max_body_bytes=settings.max_body_bytes,
            call_timeout_s=settings.call_timeout_s,
        )

        logout = BackchannelLogoutEndpoint(BackchannelLogoutServiceStub(auth), origins, refusals)
        connect = ConnectSite(ConnectionServiceStub(auth), settings.resource, origins, refusals)

        async def let_calls_end() -> None:
            readiness.stopping = True
            connect.stop()
            await calls.drain(settings.grace_period_s)

        port = await stack.enter_async_context(
            serving_http(
                _routes(edge, logout, connect, origins, readiness, settings.resource),
                settings.listener,
                before_stop=let_calls_end,
            )
        )
        _log.info("serving MCP at port %d for %s", port, settings.resource_url)
        yield


def _routes(
    edge: Edge,
    logout: BackchannelLogoutEndpoint,
    connect: ConnectSite,
    origins: AllowedOrigins,
    readiness: Readiness,
    resource: ProtectedResource,
) -> Router:
    async def metadata(_request: Any) -> Any:
        return metadata_response(resource)

    # Pages of allowed origins may send what the protocol needs and read where to sign in.
    mcp = CORSMiddleware(
        edge,
        allow_origins=list(origins.origins),
        allow_methods=["POST"],
        allow_headers=["*"],
        expose_headers=["WWW-Authenticate"],
    )
    return Router(
        routes=[
            Route(resource.path, mcp),
            Route(METADATA_PATH, metadata),
            Route(urlsplit(resource.metadata_url).path, metadata),
            Route(backchannel_logout.PATH, logout),
            Route(CONNECT_PATH, connect),
            Route(f"{CONNECT_PATH}/{{page:path}}", connect),
            Route("/health", readiness.live),
            Route("/ready", readiness.ready),
        ],
        # A redirect would name whatever Host the request named, without TLS, and draw bearers there.
        redirect_slashes=False,
    )
