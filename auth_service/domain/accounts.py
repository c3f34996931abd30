"""AWS accounts as the policy has them: how each is reached, in which partition and regions, and under which ceiling."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from servicekit.permissions import EVERYTHING, FAMILIES, Permission

Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}(-[a-z0-9]+)+-\d{1,2}$")]
Partition = Literal["aws", "aws-cn", "aws-us-gov"]
_ROLE_ARN: Final = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):iam::(?P<account>\d{12}):role/[\w+=,.@/-]{1,577}", re.ASCII
)
_BY_ROLE: Final = frozenset({"assume_role", "web_identity"})
_BY_TOKEN: Final = frozenset({"web_identity", "token_claims"})
# AWS STS API reference, AssumeRole.
_EXTERNAL_ID: Final = r"^[A-Za-z0-9_+=,.@:/-]*$"
# There too: of a session policy's characters as it is sent, white space included.
MAX_SESSION_POLICY_CHARACTERS: Final = 2_048
_PARTITION_OF_PREFIX: Final[Mapping[str, Partition]] = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
# Where a call goes in a partition that the calling service's own default region is not of.
_HOME_REGIONS: Final[Mapping[Partition, str]] = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
}

_STARTING_QUERIES: Final = frozenset({Permission.LOGS_QUERY, Permission.LOGS_ANALYSIS, Permission.LOGS_INDEXES})
CEILINGS: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {
        "read-only": EVERYTHING,
        "metrics-only": frozenset({Permission.ALARMS, Permission.DASHBOARDS}) | FAMILIES["metrics"],
        "logs-only": FAMILIES["logs"],
        "no-log-queries": EVERYTHING - _STARTING_QUERIES,
    }
)
"""The session policies that are ours, by name, and what each leaves of the permissions."""


class Account(BaseModel):
    """One AWS account, reached through one role (or keys in the user's token, or a local profile)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: str = Field(default="", pattern=r"^(\d{12})?$")
    description: str = Field(default="", max_length=256)
    strategy: Literal["assume_role", "web_identity", "token_claims", "shared_profile", "identity_center"] = (
        "assume_role"
    )
    role_arn: str = ""
    permission_set: str = Field(default="", max_length=64)
    """With `identity_center`, which no file names: what users connect is not written down by administrators."""
    external_id: str | None = Field(default=None, min_length=2, max_length=1_224, pattern=_EXTERNAL_ID, repr=False)
    regions: tuple[Region, ...] = ()
    default_region: Region | None = None
    session_duration_s: int = Field(default=3_600, ge=900, le=43_200)
    session_policy: Literal["read-only", "metrics-only", "logs-only", "no-log-queries", "none"] | dict[str, Any] = (
        "read-only"
    )
    """A ceiling on what the role's own policy allows; text names one of ours, a mapping is an IAM policy."""

    @model_validator(mode="after")
    def _permission_set_by_strategy(self) -> Self:
        if (self.strategy == "identity_center") != bool(self.permission_set):
            raise ValueError("permission_set is for identity_center, which is given by a grant's identity_center")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.strategy in _BY_ROLE:
            role = _ROLE_ARN.fullmatch(self.role_arn)
            if role is None:
                raise ValueError("role_arn is not the ARN of an IAM role")
            if role["account"] != self.account_id:
                raise ValueError("role_arn is of another account than account_id")
        elif self.role_arn:
            raise ValueError(f"{self.strategy} uses no role_arn")
        if self.strategy == "web_identity" and self.external_id is not None:
            raise ValueError("web_identity has no external id: AWS STS takes none with a token")
        written = self.session_policy
        if isinstance(written, dict) and len(compact_json(written)) > MAX_SESSION_POLICY_CHARACTERS:
            raise ValueError(
                f"session_policy is longer than {MAX_SESSION_POLICY_CHARACTERS} characters, AWS STS's limit"
            )
        if self.strategy == "token_claims" and "session_policy" in self.model_fields_set:
            raise ValueError("token_claims has no session policy: the keys are what the token says")
        if self.default_region and self.regions and self.default_region not in self.regions:
            raise ValueError("default_region is not among regions")
        foreign = [region for region in (*self.regions, self.default_region) if region and not self._has(region)]
        if foreign:
            raise ValueError(f"{', '.join(foreign)}: not of the partition {self.partition}, which the role is of")
        return self

    @property
    def needs_token(self) -> bool:
        """Whether its credentials are had with the user's own token."""
        return self.strategy in _BY_TOKEN

    @property
    def partition(self) -> Partition:
        """The AWS partition of the role, or of the portal's region."""
        if self.permission_set and self.default_region:
            return partition_of(self.default_region)
        role = _ROLE_ARN.fullmatch(self.role_arn)
        return role["partition"] if role else "aws"  # type: ignore[return-value]  # one of the three, says the pattern

    @property
    def ceiling(self) -> frozenset[Permission]:
        """What the session policy leaves of the permissions; one that is not ours is for AWS to judge."""
        return CEILINGS.get(self.session_policy, EVERYTHING) if isinstance(self.session_policy, str) else EVERYTHING

    def regions_within(self, wanted: tuple[str, ...]) -> tuple[str, ...] | None:
        """The regions of `wanted` (empty: any) that the account admits; empty for any, None when there is none."""
        if not wanted:
            return self.regions
        left = tuple(region for region in self.regions or wanted if region in wanted and self._has(region))
        return left or None

    def default_region_within(self, regions: tuple[str, ...]) -> str:
        """The region of calls that name none, among `regions` (empty: any); empty: the calling service's own."""
        if self.default_region and (not regions or self.default_region in regions):
            return self.default_region
        if self.partition == "aws" and not self.default_region:
            return ""
        return regions[0] if regions else _HOME_REGIONS[self.partition]

    def _has(self, region: str) -> bool:
        return partition_of(region) == self.partition


def compact_json(policy: Any) -> str:
    """A policy in the fewest characters, as AWS is sent it."""
    return json.dumps(policy, separators=(",", ":"))


def partition_of(region: str) -> Partition:
    """The partition of a region, by its name."""
    return next((found for prefix, found in _PARTITION_OF_PREFIX.items() if region.startswith(prefix)), "aws")


def home_region(partition: Partition) -> str:
    """The region by which a partition is reached when nothing says otherwise."""
    return _HOME_REGIONS[partition]
