"""Pages of a list, with tokens that only fit the account and operation that they were given to."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from tests.kit.fake_aws.wire import AwsError, Call

Item = TypeVar("Item")


def page(call: Call, items: Sequence[Item], size: int) -> tuple[list[Item], str | None]:
    """The page that the call's token asks for, and the token of the next one."""
    start = offset(call)
    following = token(call, start + size) if start + size < len(items) else None
    return list(items[start : start + size]), following


def token(call: Call, start: int) -> str:
    """An opaque token for what begins at `start`."""
    return base64.urlsafe_b64encode(f"{call.account_id}|{call.region}|{call.name}|{start}".encode()).decode()


def offset(call: Call) -> int:
    """Where the call's token points; 0 without one. Raises the service's error for a foreign or invented token."""
    name = "nextToken" if call.protocol == "json" else "NextToken"
    given = call.text(name)
    if given is None:
        return 0
    try:
        *whose, start = base64.urlsafe_b64decode(given).decode().split("|")
        if whose == [call.account_id, call.region, call.name]:
            return int(start)
    except ValueError:
        pass
    code = "InvalidParameterException" if call.protocol == "json" else "InvalidNextToken"
    raise AwsError(code, 400, f"The specified {name} is invalid.")
