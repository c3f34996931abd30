"""One call is one trace through all processes, with the verified user on every span and no secrets in any."""

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.collector import CollectedSpan, Collector, collecting
from tests.kit.fake_aws import FakeAws
from tests.kit.services import SERVICES, Deployment

CALLERS_TRACE = "0af7651916cd43dd8448eb211c80319c"


def _export_to(collector: Collector, deployment: Deployment) -> None:
    for service in SERVICES:
        deployment.overrides[service] = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint_url}


def _path(collector: Collector, root: CollectedSpan) -> list[str]:
    """All names below `root`, depth first in order of name."""
    names = []
    for child in sorted(collector.children_of(root), key=lambda span: span.name):
        names += [f"{child.service} {child.name}", *_path(collector, child)]
    return names


async def test_a_call_is_one_trace_with_its_user_on_every_span(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    async with collecting() as collector:
        _export_to(collector, deployment)
        # A caller that would choose our trace id and switch recording off.
        alice.headers = {"traceparent": f"00-{CALLERS_TRACE}-b7ad6b7169203331-00", "baggage": "user.id=admin"}
        async with deployment.running():
            await alice.call("get_active_alarms")
        (root,) = [span for span in collector.spans if span.name == "POST /mcp"]
        assert root.parent_span_id == ""
        assert root.trace_id != CALLERS_TRACE
        assert root.linked_trace_ids == (CALLERS_TRACE,)
        assert _path(collector, root) == [
            "mcp-frontend cwmcp.auth.v1.AuthenticationService/Authenticate",
            "auth-service cwmcp.auth.v1.AuthenticationService/Authenticate",
            "mcp-frontend tools/call get_active_alarms",
            "mcp-frontend cwmcp.cloudwatch.v1.AlarmsService/ListActiveAlarms",
            "cloudwatch-service cwmcp.cloudwatch.v1.AlarmsService/ListActiveAlarms",
            "cloudwatch-service cloudwatch:DescribeAlarms",
            "cloudwatch-service cwmcp.auth.v1.CredentialService/IssueCredentials",
            "auth-service cwmcp.auth.v1.CredentialService/IssueCredentials",
            "cloudwatch-service cwmcp.auth.v1.SigningKeyService/GetSigningKeys",
            "auth-service cwmcp.auth.v1.SigningKeyService/GetSigningKeys",
        ]
        users = {span.attributes.get("user.id") for span in collector.spans if span.trace_id == root.trace_id}
        assert users == {aws.sts.calls[0].source_identity, None}
        nameless = {
            span.name for span in collector.spans if span.trace_id == root.trace_id and "user.id" not in span.attributes
        }
        # Before the user is known, there is none to name.
        assert nameless == {
            "cwmcp.auth.v1.AuthenticationService/Authenticate",
            "cwmcp.auth.v1.SigningKeyService/GetSigningKeys",
        }
        (call,) = [span for span in collector.spans if span.name == "cloudwatch:DescribeAlarms"]
        assert call.attributes["cwmcp.aws.account_id"] == ALICE_ACCOUNT
        assert call.attributes["aws.request_id"] == aws.calls_of("cloudwatch:DescribeAlarms")[0].request_id
        exported = b"".join(collector.raw)
        for secret in (alice.token.encode(), b"eyJ", b"alice@example.com", b"admin"):
            assert secret not in exported
        for request in aws.requests:
            assert not {"baggage", "traceparent"} & set(request.headers)


async def test_a_refusal_and_a_failure_are_told_apart(deployment: Deployment, aws: FakeAws, alice: Person) -> None:
    async with collecting() as collector:
        _export_to(collector, deployment)
        aws.deny("cloudwatch:DescribeAlarms")
        async with deployment.running():
            await alice.call("get_active_alarms")
            good, alice.token = alice.token, "no-token"
            await alice.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
            alice.token = good
        (call,) = [span for span in collector.spans if span.name == "cloudwatch:DescribeAlarms"]
        assert call.is_error
        assert call.attributes["error.type"].startswith("AccessDenied")
        servers = [span for span in collector.spans if span.attributes.get("cwmcp.reason")]
        reasons = {span.attributes["cwmcp.reason"] for span in servers}
        assert reasons == {"AWS_ACCESS_DENIED", "TOKEN_MALFORMED"}
        assert not any(span.is_error for span in servers)
