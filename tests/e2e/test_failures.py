"""What people get while a part of the system is down, and that it works again without a restart."""

import asyncio

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer, rsa_key
from tests.kit.services import SERVICES, Deployment
from tests.kit.waiting import until

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ALARMS = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_active_alarms", "arguments": {}}}


async def test_with_the_identity_provider_down_known_keys_work_and_nobody_else_gets_in(
    deployment: Deployment, issuer: Issuer, alice: Person
) -> None:
    claims = {"sub": "alice-id", "groups": ["cw-payments"], "aud": deployment.mcp_url}
    async with deployment.running():
        assert (await alice.post(LIST)).status_code == 200
        await issuer.go_down()
        alice.token = issuer.mint({**claims, "jti": "new token, known key"})
        assert (await alice.post(LIST)).status_code == 200
        tokens = {
            "expired": (issuer.mint({**claims, "iat": 1_700_000_000, "exp": 1_700_000_600}), 401),
            "forged": (issuer.mint(claims, key=rsa_key("stranger")), 401),
        }
        for name, (token, status) in tokens.items():
            alice.token = token
            assert (await alice.post(LIST)).status_code in (status, 503), name


async def test_with_the_identity_provider_down_from_the_start_it_is_503(
    deployment: Deployment, issuer: Issuer, alice: Person
) -> None:
    await issuer.go_down()
    async with deployment.running():
        response = await alice.post(LIST)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert "www-authenticate" not in response.headers


async def test_without_auth_service_it_is_503_and_back_again_it_works(deployment: Deployment, alice: Person) -> None:
    async with deployment.running(["cloudwatch_service", "mcp_frontend"]):
        response = await alice.post(LIST)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        async with deployment.start("auth_service"):
            await _until_answered(alice)
            assert (await alice.post(ALARMS)).json()["result"]["isError"] is False
        assert (await alice.post(LIST)).status_code == 503
        async with deployment.start("auth_service"):
            await _until_answered(alice)
            assert (await alice.post(ALARMS)).json()["result"]["isError"] is False


async def test_cloudwatch_service_killed_in_mid_call_is_a_clear_error(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    async with deployment.running(["auth_service", "mcp_frontend"]):
        async with deployment.start("cloudwatch_service") as cloudwatch:
            gate = aws.hold("cloudwatch:DescribeAlarms")
            asking = asyncio.create_task(alice.post(ALARMS))
            await gate.arrivals(1)
            await cloudwatch.kill()
            response = await asking
            gate.release()
            assert response.status_code == 200
            result = response.json()["result"]
            assert result["isError"]
            assert "again" in result["content"][0]["text"]
        async with deployment.start("cloudwatch_service"):
            await _until_answered(alice)
            result = await alice.call("get_active_alarms")
            assert ALICE_ACCOUNT in result["content"][0]["text"]


async def test_a_rotated_assertion_key_is_learnt(deployment: Deployment, alice: Person) -> None:
    """auth_service restarts with another key; cloudwatch_service has the old one in memory."""
    async with deployment.running(["cloudwatch_service", "mcp_frontend"]):
        for _ in range(2):
            async with deployment.start("auth_service"):
                await _until_answered(alice)
                result = await alice.call("get_active_alarms")
                assert ALICE_ACCOUNT in result["content"][0]["text"]


async def test_services_start_in_any_order(deployment: Deployment, alice: Person) -> None:
    async with (
        deployment.start(SERVICES[2]),
        deployment.start(SERVICES[1]),
        deployment.start(SERVICES[0]),
    ):
        await _until_answered(alice)
        result = await alice.call("get_active_alarms")
        assert ALICE_ACCOUNT in result["content"][0]["text"]


async def _until_answered(person: Person) -> None:
    """Until all three have found each other, which they try every two seconds at most."""

    async def is_answered() -> bool:
        response = await person.post(ALARMS)
        return response.status_code == 200 and not response.json()["result"]["isError"]

    await until(is_answered)
