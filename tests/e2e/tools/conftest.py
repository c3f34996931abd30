"""One stack for all tests of tools: three processes between the fake AWS and an issuer, started once.

Each test gets the accounts as new, an AWS without script or log, and people nobody has seen before, so that nothing
that a service remembers of a person reaches the next test. Tests here run in the session's event loop:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest
import pytest_asyncio

from servicekit.permissions import Permission
from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import SERVICES, Deployment, policy_for

_NUMBERS: Final = itertools.count(1)
_NARROW_GRANTS: Final = [
    *({"groups": [f"only-{each}"], "accounts": ["payments"], "tools": [each.value]} for each in Permission),
    {"groups": ["unlike"], "accounts": ["payments"], "tools": ["alarms"]},
    {"groups": ["unlike"], "accounts": ["webshop"], "tools": ["dashboards"]},
]
"""Groups with one permission each, and one with different permissions in two accounts."""
# Whatever takes the machine's time for UTC is five hours wrong.
_FAR_FROM_UTC: Final = {service: {"TZ": "EST+5"} for service in SERVICES}


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """The product, running."""
    external_ids = dict.fromkeys((ALICE_ACCOUNT, BOB_ACCOUNT), "test-deployment")
    policy = policy_for(
        {"payments": ALICE_ACCOUNT, "webshop": BOB_ACCOUNT},
        {"cw-payments": ["payments"], "cw-webshop": ["webshop"], "cw-everything": ["payments", "webshop"]},
    )
    policy["grants"] = [grant | {"tools": ["all"]} for grant in policy["grants"]] + _NARROW_GRANTS
    async with FakeAws(external_ids=external_ids) as aws, Issuer() as issuer:
        deployment = Deployment(tmp_path_factory.mktemp("tools"), aws, issuer, policy, _FAR_FROM_UTC)
        async with deployment.running():
            yield deployment


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """The HTTP side of every client."""
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def deployment(stack: Deployment) -> Deployment:
    """The one that runs."""
    return stack


@pytest.fixture
def aws(stack: Deployment) -> FakeAws:
    """AWS as new."""
    stack.aws.renew()
    return stack.aws


@pytest.fixture
def alice(stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient) -> Person:
    """Somebody new who may use the account "payments"."""
    return _person(stack, http, "alice", "cw-payments")


@pytest.fixture
def bob(stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient) -> Person:
    """Somebody new who may use the account "webshop"."""
    return _person(stack, http, "bob", "cw-webshop")


@pytest.fixture
def eve(stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient) -> Person:
    """Somebody new who may use both accounts."""
    return _person(stack, http, "eve", "cw-everything")


def _person(stack: Deployment, http: httpx2.AsyncClient, name: str, group: str) -> Person:
    claims: dict[str, Any] = {"sub": f"{name}-{next(_NUMBERS)}", "groups": [group], "aud": stack.mcp_url}
    return Person(http, stack.mcp_url, stack.issuer.mint(claims))
