"""Log groups as people name them, by name or by ARN, made into ARNs. It must not call anything.

An ARN says whose log group it is. A monitoring account sees groups of other accounts that may have the same name as its
own, so that every call is made with the ARN, and the account in it is never lost.
"""

import re
from dataclasses import dataclass
from typing import Final

from cloudwatch_service.domain.logs.groups import without_wildcard
from servicekit.errors import invalid

_NAME: Final = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")  # AWS API: LogGroupName
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z0-9-]*):logs:(?P<region>[a-z0-9-]+):(?P<account_id>\d{12}):log-group:(?P<name>[^:]+)"
)


@dataclass(frozen=True, slots=True)
class LogGroupId:
    """A log group; `account_id`, `region` and `partition` are empty when it was given by its name only."""

    name: str
    account_id: str = ""
    region: str = ""
    partition: str = ""

    def within(self, account_id: str, region: str, partition: str) -> "LogGroupId":
        """The group with what it does not say itself: a name alone is meant in the account that is asked."""
        return self if self.account_id else LogGroupId(self.name, account_id, region, partition)

    @property
    def arn(self) -> str:
        """The ARN as AWS takes it, without ":*". Only for a group whose account is known."""
        return f"arn:{self.partition}:logs:{self.region}:{self.account_id}:log-group:{self.name}"


def parse_log_group(identifier: str, field: str) -> LogGroupId:
    """The log group that a name or an ARN, with or without ":*", stands for. Raises ServiceError naming `field`."""
    if not identifier:
        raise invalid(field, f"{field} is required")
    if _NAME.fullmatch(identifier):
        return LogGroupId(identifier)
    found = _ARN.fullmatch(without_wildcard(identifier))
    if found is None or not _NAME.fullmatch(found["name"]):
        raise invalid(field, f"{field} must be the name or the ARN of a log group")
    return LogGroupId(found["name"], found["account_id"], found["region"], found["partition"])


def region_of(group: LogGroupId, region: str) -> str:
    """The region to ask: `region` if given, else the one in the ARN. Raises ServiceError when they differ."""
    if region and group.region and region != group.region:
        raise invalid("region", f"the log group is in {group.region} by its ARN, not in {region}")
    return region or group.region
