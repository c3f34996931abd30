"""Follows the page tokens of AWS list operations. It must not know what the pages hold."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from cloudwatch_service.aws.session import AwsService, UserSession
from servicekit.errors import Reason, ServiceError

_TOKEN_NAME: Final[Mapping[AwsService, str]] = {"cloudwatch": "NextToken", "logs": "nextToken"}


def next_token(service: AwsService, page: Mapping[str, Any]) -> str:
    """The token in `page` that leads to the next one, or empty text at the end."""
    token: str = page.get(_TOKEN_NAME[service]) or ""
    return token


def repeated_token(service: AwsService, operation: str) -> ServiceError:
    """The error for a token that leads back to a page already read."""
    return ServiceError(Reason.AWS_UNAVAILABLE, f"AWS repeated a page token of {service} {operation}")


async def pages(
    session: UserSession, service: AwsService, operation: str, *, max_pages: int, **parameters: Any
) -> AsyncGenerator[dict[str, Any]]:
    """The pages of `operation`, at most `max_pages`; the last one still has a token when there would be more.

    Raises ServiceError, also when AWS repeats a token, which would go on for ever.
    """
    seen: set[str] = set()
    for _ in range(max_pages):
        page = await session.call(service, operation, **parameters)
        yield page
        token = next_token(service, page)
        if not token:
            return
        if token in seen:
            raise repeated_token(service, operation)
        seen.add(token)
        parameters[_TOKEN_NAME[service]] = token
