"""The AWS accounts of the development stack and the names that IAM, the policy file and the seed must agree on."""

from dataclasses import dataclass
from typing import Final

SERVICE_ACCOUNT_ID: Final = "999988887777"
SERVICE_USER: Final = "cloudwatch-mcp-auth"
SERVICE_USER_ARN: Final = f"arn:aws:iam::{SERVICE_ACCOUNT_ID}:user/{SERVICE_USER}"
READER_ROLE: Final = "cloudwatch-mcp-reader"
EXTERNAL_ID: Final = "local-stack"
USER_TAG: Final = "mcp_sub"
REGIONS: Final = ("us-east-1", "eu-west-1")
DEFAULT_REGION: Final = REGIONS[0]


@dataclass(frozen=True, slots=True)
class ReadableAccount:
    """An account that the members of one group may read."""

    alias: str
    account_id: str
    description: str
    group: str

    @property
    def role_arn(self) -> str:
        """The role that the auth service assumes for them."""
        return f"arn:aws:iam::{self.account_id}:role/{READER_ROLE}"


PAYMENTS: Final = ReadableAccount("payments", "111111111111", "Payments production", "cw-payments")
WEBSHOP: Final = ReadableAccount("webshop", "222222222222", "Web shop production", "cw-webshop")
READABLE_ACCOUNTS: Final = (PAYMENTS, WEBSHOP)
OBSERVERS: Final = "cw-observers"
"""The group that may look at alarms and metrics of every account, and at no logs."""
