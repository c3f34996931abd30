"""Alarms as people name them, by name or by ARN. It must not call anything."""

import re
from dataclasses import dataclass
from typing import Final

from servicekit.errors import invalid

# A name may hold any character, colons too.
_ARN: Final = re.compile(r"arn:[^:]+:cloudwatch:(?P<region>[^:]+):(?P<account_id>\d{12}):alarm:(?P<name>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AlarmId:
    """An alarm; `region` and `account_id` are empty when it was given by its name only."""

    name: str
    region: str = ""
    account_id: str = ""

    def check_account(self, account_id: str) -> None:
        """Raises ServiceError when the alarm is in another account: one of the same name would pass for it."""
        if self.account_id not in ("", account_id):
            raise invalid("alarm_name", f"the alarm is in account {self.account_id} by its ARN, not in {account_id}")


def parse_alarm(reference: str) -> AlarmId:
    """The alarm that a name, or arn:<partition>:cloudwatch:<region>:<account>:alarm:<name>, stands for."""
    found = _ARN.fullmatch(reference)
    return AlarmId(found["name"], found["region"], found["account_id"]) if found else AlarmId(reference)


def region_of(alarm: AlarmId, region: str) -> str:
    """The region to ask: `region` if given, else the one in the ARN. Raises ServiceError when they differ."""
    if region and alarm.region and region != alarm.region:
        raise invalid("region", f"the alarm is in {alarm.region} by its ARN, not in {region}")
    return region or alarm.region
