"""The composition root: builds everything once, in order; leaving it undoes it in reverse."""

import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cwmcp.auth.v1 import signing_key_service_pb2 as signing_key_pb
from cwmcp.auth.v1.credential_service_pb2_grpc import CredentialServiceStub
from cwmcp.auth.v1.revocation_feed_service_pb2_grpc import RevocationFeedServiceStub
from cwmcp.auth.v1.signing_key_service_pb2_grpc import SigningKeyServiceStub
from cwmcp.cloudwatch.v1 import accounts_service_pb2_grpc as accounts_grpc
from cwmcp.cloudwatch.v1 import alarms_service_pb2_grpc as alarms_grpc
from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2_grpc as contributor_insights_grpc
from cwmcp.cloudwatch.v1 import dashboards_service_pb2_grpc as dashboards_grpc
from cwmcp.cloudwatch.v1 import log_analysis_service_pb2_grpc as log_analysis_grpc
from cwmcp.cloudwatch.v1 import logs_service_pb2_grpc as logs_grpc
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2_grpc as analysis_grpc
from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2_grpc as catalog_grpc
from cwmcp.cloudwatch.v1 import metrics_service_pb2_grpc as metrics_grpc
from cwmcp.cloudwatch.v1 import promql_service_pb2_grpc as promql_grpc

from cloudwatch_service.aws.credentials import AuthServiceCredentials
from cloudwatch_service.aws.insights.scan_control import MAX_USERS, ScanControl
from cloudwatch_service.aws.insights.scan_ledger import InMemoryScanLedger, ScanLedger, SharedScanLedger
from cloudwatch_service.aws.pool import ClientPool
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.aws.shared_clients import SharedClients
from cloudwatch_service.catalog.reader import CatalogReader, CatalogSource
from cloudwatch_service.quotas.leases import Leases, LocalLeases, SharedLeases
from cloudwatch_service.quotas.query_slots import QuerySlots
from cloudwatch_service.quotas.rates import LocalRates, Rates, SharedRates
from cloudwatch_service.quotas.shared_lanes import SharedLanes
from cloudwatch_service.quotas.user_limits import UserLimits
from cloudwatch_service.revocation_watch import RevocationWatch
from cloudwatch_service.rpc.accounts import AccountsServicer
from cloudwatch_service.rpc.alarms import AlarmsServicer
from cloudwatch_service.rpc.contributor_insights import ContributorInsightsServicer
from cloudwatch_service.rpc.dashboards import DashboardsServicer
from cloudwatch_service.rpc.log_analysis import LogAnalysisServicer
from cloudwatch_service.rpc.logs import LogsServicer
from cloudwatch_service.rpc.metric_analysis import MetricAnalysisServicer
from cloudwatch_service.rpc.metric_catalog import MetricCatalogServicer
from cloudwatch_service.rpc.metrics import MetricsServicer
from cloudwatch_service.rpc.permissions import PERMISSIONS
from cloudwatch_service.rpc.promql import PromqlServicer
from cloudwatch_service.settings import CloudwatchSettings
from servicekit.assertions import AssertionVerifier, KeySource
from servicekit.background import in_background
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService, serving
from servicekit.lifecycle import check_all
from servicekit.refusals import RefusalLog
from servicekit.revocation_gate import RevocationGate
from servicekit.revocations import user_ids
from servicekit.shared_state import SharedState, check_files, open_shared_state
from servicekit.telemetry.setup import tracing

_NAME = "cloudwatch-service"
_KEYS_TIMEOUT_S = 5.0
_RETRIED = (
    ("cwmcp.auth.v1.SigningKeyService", "GetSigningKeys"),
    ("cwmcp.auth.v1.CredentialService", "IssueCredentials"),
    ("cwmcp.auth.v1.CredentialService", "ListAccounts"),
)
# What ends something must not wait for what it ends.
_UNLIMITED = ("/cwmcp.cloudwatch.v1.LogsService/StopQuery",)


def check(settings: CloudwatchSettings) -> None:
    """Read what the settings point to. Raises ConfigurationError naming every fault."""
    check_all((settings.tls.read, lambda: check_files(settings.shared_state)))


@asynccontextmanager
async def open_service(settings: CloudwatchSettings) -> AsyncIterator[None]:
    """Serve while open. Raises CertificateError, OSError."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing(_NAME, version("cloudwatch-mcp"), settings.otlp_endpoint))
        auth = await stack.enter_async_context(
            connected(settings.auth_target, settings.auth_server_name, settings.tls, retried_methods=_RETRIED)
        )
        watch = RevocationWatch(RevocationFeedServiceStub(auth), max_outage_s=settings.shared_state_max_outage_s)
        await stack.enter_async_context(in_background(watch.keep_watching()))
        state = await stack.enter_async_context(open_shared_state(settings.shared_state))
        quotas = await stack.enter_async_context(_counting(settings, state))
        clients = SharedClients()
        stack.push_async_callback(clients.close)
        source = AuthServiceCredentials(CredentialServiceStub(auth))
        pool = ClientPool(
            clients,
            source,
            default_region=settings.aws_region,
            limits=settings.pool_limits,
            scan_control=ScanControl(
                settings.scan_limits, quotas.ledger, QuerySlots(settings.slot_limits, quotas.shared)
            ),
            check_sign_in=watch.known.check,
        )
        stack.push_async_callback(pool.close)
        await stack.enter_async_context(in_background(pool.keep_dropping_idle()))
        stack.callback(watch.known.listen(lambda new: pool.drop_users(user_ids(new))))
        catalog = CatalogReader()
        for service in ("cloudwatch", "logs"):  # the first user does not wait for them
            await clients.get(service, settings.aws_region)
        await stack.enter_async_context(
            serving(
                settings.listen_address,
                settings.tls,
                _services(settings, pool, catalog.get, quotas.lanes),
                settings.limits,
                inner=[quotas.of_users],
                check=AssertionVerifier(_published_keys(auth)),
                audiences_of=lambda _: (settings.own_name,),
                gate=RevocationGate(watch.known, watch.ensure_known),
            )
        )
        await stack.enter_async_context(in_background(catalog.read_ahead()))  # now, so that nobody waits to be served
        yield


@dataclass(frozen=True, slots=True)
class _Quotas:
    """What counts calls, queries and bytes: in this process, or with `shared` in all replicas."""

    of_users: UserLimits
    ledger: ScanLedger
    shared: SharedLeases | None
    lanes: SharedLanes | None


@asynccontextmanager
async def _counting(settings: CloudwatchSettings, state: SharedState | None) -> AsyncIterator[_Quotas]:
    """The quotas while open."""
    refusals = RefusalLog(logging.getLogger("cloudwatch_service.refusals"))
    per_minute = settings.max_calls_per_user_minute
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(in_background(refusals.keep_summing_up()))
        leases: Leases = LocalLeases()
        shared = lanes = None
        rates: Rates | None = LocalRates(per_minute) if per_minute else None
        ledger: ScanLedger = InMemoryScanLedger(MAX_USERS)
        if state is not None:
            leases = shared = SharedLeases(state)
            await stack.enter_async_context(in_background(shared.keep_renewing()))
            lanes = SharedLanes(state, shared)
            rates = SharedRates(per_minute, state) if per_minute else None
            ledger = SharedScanLedger(state, MAX_USERS)
        of_users = UserLimits(
            rates,
            leases,
            per_minute=per_minute,
            at_a_time=settings.max_calls_at_a_time_per_user,
            unlimited=_UNLIMITED,
            refusals=refusals,
        )
        yield _Quotas(of_users, ledger, shared, lanes)


def _services(
    settings: CloudwatchSettings, sessions: SessionSource, catalog: CatalogSource, lanes: SharedLanes | None
) -> list[HostedService]:
    registrations: dict[str, Callable[[grpc.aio.Server], None]] = {
        "AccountsService": lambda server: accounts_grpc.add_AccountsServiceServicer_to_server(
            AccountsServicer(sessions), server
        ),
        "AlarmsService": lambda server: alarms_grpc.add_AlarmsServiceServicer_to_server(
            AlarmsServicer(sessions, _utc_now), server
        ),
        "ContributorInsightsService": lambda server: (
            contributor_insights_grpc.add_ContributorInsightsServiceServicer_to_server(
                ContributorInsightsServicer(sessions, _utc_now), server
            )
        ),
        "DashboardsService": lambda server: dashboards_grpc.add_DashboardsServiceServicer_to_server(
            DashboardsServicer(sessions), server
        ),
        "LogAnalysisService": lambda server: log_analysis_grpc.add_LogAnalysisServiceServicer_to_server(
            LogAnalysisServicer(sessions, _utc_now), server
        ),
        "LogsService": lambda server: logs_grpc.add_LogsServiceServicer_to_server(
            LogsServicer(sessions, lanes=lanes), server
        ),
        "MetricAnalysisService": lambda server: analysis_grpc.add_MetricAnalysisServiceServicer_to_server(
            MetricAnalysisServicer(sessions, catalog, _utc_now), server
        ),
        "MetricCatalogService": lambda server: catalog_grpc.add_MetricCatalogServiceServicer_to_server(
            MetricCatalogServicer(catalog), server
        ),
        "MetricsService": lambda server: metrics_grpc.add_MetricsServiceServicer_to_server(
            MetricsServicer(sessions, _utc_now), server
        ),
        "PromqlService": lambda server: promql_grpc.add_PromqlServiceServicer_to_server(
            PromqlServicer(sessions, _utc_now), server
        ),
    }
    callers = frozenset(settings.callers)
    return [
        HostedService(
            f"cwmcp.cloudwatch.v1.{name}", add, ServiceRules(callers, for_user=True, permissions=PERMISSIONS[name])
        )
        for name, add in registrations.items()
    ]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _published_keys(auth: grpc.aio.Channel) -> KeySource:
    """The keys as auth_service publishes them."""
    stub = SigningKeyServiceStub(auth)

    async def fetch() -> Mapping[str, Ed25519PublicKey]:
        with raising_service_errors():
            response = await stub.GetSigningKeys(signing_key_pb.GetSigningKeysRequest(), timeout=_KEYS_TIMEOUT_S)
        return {key.key_id: Ed25519PublicKey.from_public_bytes(key.ed25519_public_key) for key in response.keys}

    return fetch
