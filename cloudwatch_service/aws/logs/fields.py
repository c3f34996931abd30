"""Which fields Logs Insights finds in a log group. It must not judge them."""

from datetime import datetime
from typing import Any

from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.logs.fields import LogField, parse_fields


async def list_fields(session: UserSession, arn: str, time: datetime | None) -> list[LogField]:
    """The fields in events around `time`, or in the last minutes, in order of how common they are.

    AWS looks at the eight minutes before and after, or at the last fifteen (AWS API: GetLogGroupFields).
    Raises ServiceError.
    """
    parameters: dict[str, Any] = {"logGroupIdentifier": arn}
    if time is not None:
        parameters["time"] = int(time.timestamp())
    return parse_fields(await session.call("logs", "get_log_group_fields", **parameters))
