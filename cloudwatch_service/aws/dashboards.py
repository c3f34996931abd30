"""The dashboard operations of CloudWatch for one user. It must not decide what a caller gets to see."""

import asyncio
import re
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, repeated_token
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.dashboards.bodies import Dashboard, DashboardEntry, parse_dashboard, parse_entries
from servicekit.errors import Reason, ServiceError, invalid

_LIST: Final = "list_dashboards"
_MAX_PAGES: Final = 20
_LARGE_BODY: Final = 64 * 1024  # characters from which on a body is read in a thread
_MAX_IMAGE_BYTES: Final = 2 * 1024 * 1024
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SKIPPED: Final = re.compile(r"[0-9]{1,9}")


async def list_dashboards(
    session: UserSession, prefix: str, page_size: int, page_token: str
) -> tuple[list[DashboardEntry], str]:
    """At most `page_size` dashboards from `page_token` (empty: the first) on, and the token to go on with or "".

    AWS's pages are as large as it likes, so our token says how much of which page has been given. Raises ServiceError.
    """
    skipped, aws_token = _read_token(page_token)
    entries: list[DashboardEntry] = []
    for _ in range(_MAX_PAGES):
        page = await session.call("cloudwatch", _LIST, **_given(DashboardNamePrefix=prefix, NextToken=aws_token))
        found = parse_entries(page)[skipped:]
        room = page_size - len(entries)
        entries += found[:room]
        if len(found) > room:
            return entries, _token(skipped + room, aws_token)
        following = next_token("cloudwatch", page)
        if following and following == aws_token:
            raise repeated_token("cloudwatch", _LIST)
        skipped, aws_token = 0, following
        if not following or len(entries) == page_size:
            break
    return entries, _token(0, aws_token) if aws_token else ""


async def get_dashboard(session: UserSession, name: str, *, include_raw: bool) -> Dashboard:
    """The dashboard of exactly this name. Raises ServiceError."""
    answer = await session.call("cloudwatch", "get_dashboard", DashboardName=name)
    if len(answer.get("DashboardBody") or "") > _LARGE_BODY:
        return await asyncio.to_thread(parse_dashboard, answer, include_raw=include_raw)
    return parse_dashboard(answer, include_raw=include_raw)


async def get_widget_image(session: UserSession, widget_json: str) -> bytes:
    """The PNG that AWS draws of a metric widget. Raises ServiceError, also when it is too large or is none."""
    answer = await session.call("cloudwatch", "get_metric_widget_image", MetricWidget=widget_json, OutputFormat="png")
    png: bytes = answer.get("MetricWidgetImage") or b""
    if not png.startswith(_PNG):
        raise ServiceError(Reason.AWS_UNAVAILABLE, "AWS returned no picture")
    if len(png) > _MAX_IMAGE_BYTES:
        raise invalid("widget_json", f"the picture has {len(png)} bytes; set a smaller width and height")
    return png


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value}


def _token(skipped: int, aws_token: str) -> str:
    return f"{skipped}:{aws_token}"


def _read_token(token: str) -> tuple[int, str]:
    """How many dashboards of which page of AWS were given already."""
    if not token:
        return 0, ""
    skipped, colon, aws_token = token.partition(":")
    if not colon or not _SKIPPED.fullmatch(skipped):
        raise invalid("page_token", "page_token is not one that an earlier answer gave")
    return int(skipped), aws_token
