"""ENABLE_AUTH=false: one person, this machine's own AWS access, loopback only, and loud about it."""

import json

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.process import ChildFailed
from tests.kit.services import SERVICES, Deployment


def _switch_off(deployment: Deployment, aws: FakeAws) -> None:
    """As a developer would: no issuer, no policy, and the keys of one account in the environment of auth_service."""
    keys = {name.upper(): value for name, value in aws.issue(ALICE_ACCOUNT).items()}
    for service in SERVICES:
        deployment.overrides[service] = {"ENABLE_AUTH": "false"}
    deployment.overrides["auth_service"] |= keys


async def test_everybody_at_this_machine_uses_its_aws_access(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    _switch_off(deployment, aws)
    alice.token = ""
    async with deployment.running() as services:
        result = await alice.call("get_active_alarms")
        assert not result["isError"]
        assert ALICE_ACCOUNT in json.dumps(result)
        (account,) = (await alice.call("list_accounts"))["structuredContent"]["accounts"]
        assert account["alias"] == "local"
        for service in ("auth_service", "mcp_frontend"):
            assert "ENABLE_AUTH=false" in services[service].log()
    assert aws.sts.calls == []


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("auth_service", "AUTH_LISTEN_ADDRESS"),
        ("cloudwatch_service", "CLOUDWATCH_LISTEN_ADDRESS"),
        ("mcp_frontend", "CLOUDWATCH_MCP_SERVER_HOST"),
    ],
)
async def test_other_machines_cannot_be_served_by_accident(
    deployment: Deployment, aws: FakeAws, service: str, variable: str
) -> None:
    _switch_off(deployment, aws)
    everywhere = "0.0.0.0"  # noqa: S104 - it must be refused
    deployment.overrides[service] |= {variable: everywhere if variable.endswith("HOST") else f"{everywhere}:50051"}
    with pytest.raises(ChildFailed, match="ALLOW_UNAUTHENTICATED_REMOTE") as caught:
        async with deployment.start(service):
            pass
    assert "ended with 2" in str(caught.value)
