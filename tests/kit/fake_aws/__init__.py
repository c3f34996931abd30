"""AWS for tests, at the level of HTTP: the code under test runs real AWS clients against it, to the last byte.

Signatures are verified, and the account of a call is the account that its access key was issued for. Permissions,
quotas, query languages and metric math are not simulated; a test scripts what it needs (see `script`, `insights`).
"""

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.insights import Query, QueryPlan
from tests.kit.fake_aws.metrics import expected_value
from tests.kit.fake_aws.server import DEFAULT_ACCOUNTS, SERVICE_ACCOUNT, FakeAws, Request
from tests.kit.fake_aws.sts import RoleCall

__all__ = [
    "DEFAULT_ACCOUNTS",
    "SERVICE_ACCOUNT",
    "Account",
    "FakeAws",
    "Query",
    "QueryPlan",
    "Request",
    "RoleCall",
    "expected_value",
]
