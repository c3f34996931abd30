from pathlib import Path

import pytest

from deploy.local.certificates import CertificateFiles, PeerFiles
from deploy.local.services import Wiring, services

PEERS = ("auth-service", "cloudwatch-service", "mcp-frontend", "agent")


@pytest.fixture
def wiring() -> Wiring:
    return Wiring(
        certificates=CertificateFiles(
            Path("/c/ca.pem"), {name: PeerFiles(Path(f"/c/{name}.pem"), Path(f"/c/{name}.key")) for name in PEERS}
        ),
        auth_port=7001,
        cloudwatch_port=7002,
        mcp_port=3334,
        issuer="http://127.0.0.1:7003",
        audience="http://127.0.0.1:3334/mcp",
        jwks_url=None,
        policy_file=Path("/s/policy.yaml"),
        aws_endpoint_url="http://127.0.0.1:7004",
        region="us-east-1",
        aws_identity={"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hush"},
        for_children={"PATH": "/bin", "HOME": "/h", "AUTH_GRACE_PERIOD_S": "2", "FRONTEND_GRACE_PERIOD_S": "4"},
    )


def environments(wiring: Wiring) -> dict[str, dict[str, str]]:
    return {service.name: dict(service.environment) for service in services(wiring)}


def test_start_order_is_that_of_dependence(wiring: Wiring) -> None:
    assert [service.module for service in services(wiring)] == ["auth_service", "cloudwatch_service", "mcp_frontend"]


def test_the_aws_identity_goes_to_the_auth_service_alone(wiring: Wiring) -> None:
    found = environments(wiring)
    assert found["auth-service"]["AWS_SECRET_ACCESS_KEY"] == "hush"
    for name in ("cloudwatch-service", "mcp-frontend"):
        assert not [key for key, value in found[name].items() if value in ("AKIA", "hush")]
    assert not [key for key in found["mcp-frontend"] if key.startswith("AWS_")]


def test_secrets_do_not_show(wiring: Wiring) -> None:
    assert "hush" not in repr(wiring)
    assert "hush" not in repr(services(wiring))


def test_the_frontend_is_told_exactly_this(wiring: Wiring) -> None:
    assert environments(wiring)["mcp-frontend"] == {
        "PATH": "/bin",
        "HOME": "/h",
        "FRONTEND_GRACE_PERIOD_S": "4",
        "FRONTEND_TLS_CERT_FILE": "/c/mcp-frontend.pem",
        "FRONTEND_TLS_KEY_FILE": "/c/mcp-frontend.key",
        "FRONTEND_TLS_CA_FILE": "/c/ca.pem",
        "CLOUDWATCH_MCP_SERVER_HOST": "127.0.0.1",
        "CLOUDWATCH_MCP_PORT": "3334",
        "FRONTEND_AUTH_TARGET": "127.0.0.1:7001",
        "FRONTEND_CLOUDWATCH_TARGET": "127.0.0.1:7002",
        "FRONTEND_RESOURCE_URL": "http://127.0.0.1:3334/mcp",
        "OAUTH_ISSUER": "http://127.0.0.1:7003",
        "ENABLE_AUTH": "true",
    }


def test_each_gets_its_own_grace_period_and_is_given_longer_to_stop(wiring: Wiring) -> None:
    found = environments(wiring)
    assert found["auth-service"]["AUTH_GRACE_PERIOD_S"] == "2"
    assert "FRONTEND_GRACE_PERIOD_S" not in found["auth-service"]
    assert "AUTH_GRACE_PERIOD_S" not in found["cloudwatch-service"]
    assert [service.stop_grace_s for service in services(wiring)] == [17, 35, 19]
