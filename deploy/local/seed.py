"""Fills the embedded AWS: the auth service's identity, a reader role in each account, and something to look at.

For the emulator only: it acts as the root of each account, which the emulator grants to anyone who gives the account's
number as access key id. It takes no credentials and refuses any endpoint that is not on this machine.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

import aioboto3

from deploy.local import iam_documents
from deploy.local.access_portal.sessions import Assignment
from deploy.local.account_roots import root_client
from deploy.local.accounts import (
    DEFAULT_REGION,
    PAYMENTS,
    READABLE_ACCOUNTS,
    READER_ROLE,
    SERVICE_ACCOUNT_ID,
    SERVICE_USER,
    WEBSHOP,
    ReadableAccount,
)
from deploy.local.loopback import require_loopback
from deploy.local.observations import LogGroup, RegionContents
from deploy.local.payments_contents import PAYMENTS_CONTENTS
from deploy.local.portal import ASSIGNMENTS, role_name
from deploy.local.webshop_contents import WEBSHOP_CONTENTS

CONTENTS: Final[Mapping[str, tuple[RegionContents, ...]]] = {
    PAYMENTS.alias: PAYMENTS_CONTENTS,
    WEBSHOP.alias: WEBSHOP_CONTENTS,
}
_DATA_PER_REQUEST: Final = 500


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The auth service's own AWS identity."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class Seeder:
    """Writes everything to one emulator, each account as its own root."""

    def __init__(self, endpoint_url: str) -> None:
        """Raises NotLoopbackError when the endpoint is not on this machine."""
        require_loopback(urlsplit(endpoint_url).hostname or "")
        self._endpoint_url = endpoint_url
        self._session = aioboto3.Session()

    async def seed(self) -> AccessKey:
        """Write everything; returns the auth service's access key. Raises a group of botocore's errors."""
        now_s = int(time.time()) // 60 * 60
        async with asyncio.TaskGroup() as tasks:
            identity = tasks.create_task(self._add_service_identity())
            for assignment in chain.from_iterable(ASSIGNMENTS.values()):
                tasks.create_task(self._add_permission_set(assignment))
            for account in READABLE_ACCOUNTS:
                tasks.create_task(self._add_reader(account))
                for contents in CONTENTS[account.alias]:
                    tasks.create_task(self._add_contents(account.account_id, contents, now_s))
        return identity.result()

    def _client(self, service: str, account_id: str, region: str) -> AbstractAsyncContextManager[Any]:
        return root_client(self._session, service, self._endpoint_url, account_id, region)

    async def _add_service_identity(self) -> AccessKey:
        async with self._client("iam", SERVICE_ACCOUNT_ID, DEFAULT_REGION) as iam:
            await iam.create_user(UserName=SERVICE_USER)
            await iam.put_user_policy(
                UserName=SERVICE_USER,
                PolicyName="become-readers",
                PolicyDocument=json.dumps(iam_documents.service_policy(READABLE_ACCOUNTS)),
            )
            key = (await iam.create_access_key(UserName=SERVICE_USER))["AccessKey"]
        return AccessKey(key["AccessKeyId"], key["SecretAccessKey"])

    async def _add_permission_set(self, assignment: Assignment) -> None:
        async with self._client("iam", assignment.account_id, DEFAULT_REGION) as iam:
            name = role_name(assignment.role_name)
            trust = iam_documents.permission_set_trust_policy(assignment.account_id)
            await iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
            await iam.put_role_policy(
                RoleName=name,
                PolicyName="permission-set",
                PolicyDocument=json.dumps(iam_documents.reader_permissions()),
            )

    async def _add_reader(self, account: ReadableAccount) -> None:
        async with self._client("iam", account.account_id, DEFAULT_REGION) as iam:
            await iam.create_role(
                RoleName=READER_ROLE, AssumeRolePolicyDocument=json.dumps(iam_documents.reader_trust_policy())
            )
            await iam.put_role_policy(
                RoleName=READER_ROLE,
                PolicyName="read-observations",
                PolicyDocument=json.dumps(iam_documents.reader_permissions()),
            )

    async def _add_contents(self, account_id: str, contents: RegionContents, now_s: int) -> None:
        async with AsyncExitStack() as clients:
            cloudwatch, logs = [
                await clients.enter_async_context(self._client(service, account_id, contents.region))
                for service in ("cloudwatch", "logs")
            ]
            await asyncio.gather(
                _add_alarms(cloudwatch, contents, now_s),
                *(_add_log_group(logs, group, now_s) for group in contents.log_groups),
            )


async def _add_alarms(cloudwatch: Any, contents: RegionContents, now_s: int) -> None:
    for series in contents.series:
        data = list(series.data(now_s))
        for first in range(0, len(data), _DATA_PER_REQUEST):
            await cloudwatch.put_metric_data(
                Namespace=series.namespace, MetricData=data[first : first + _DATA_PER_REQUEST]
            )
    # The emulator evaluates alarms whenever metric data or an alarm arrives, so states are set when both are there.
    for alarm in contents.alarms:
        await cloudwatch.put_metric_alarm(**alarm.request())
    for composite in contents.composite_alarms:
        await cloudwatch.put_composite_alarm(
            AlarmName=composite.name, AlarmDescription=composite.description, AlarmRule=composite.rule
        )
    for alarm in contents.alarms:
        # By way of OK, so that each alarm's history has a transition to tell of.
        for state in ("OK", "ALARM") if alarm.in_alarm else ("OK",):
            reason = alarm.reason if state == "ALARM" or not alarm.in_alarm else "back to normal"
            await cloudwatch.set_alarm_state(AlarmName=alarm.name, StateValue=state, StateReason=reason)


async def _add_log_group(logs: Any, group: LogGroup, now_s: int) -> None:
    await logs.create_log_group(logGroupName=group.name)
    await logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.retention_days)
    await logs.create_log_stream(logGroupName=group.name, logStreamName=group.stream)
    await logs.put_log_events(logGroupName=group.name, logStreamName=group.stream, logEvents=group.events(now_s))
