"""Whether a metric widget may be given to AWS for drawing. It must not know what the widget means beyond its limits.

AWS's answer to a faulty widget is short, so what can be said better is said here (AWS API: GetMetricWidgetImage, Metric
Widget Structure and Syntax).
"""

import json
from collections.abc import Collection
from typing import Any, Final

from cloudwatch_service.domain.loose_json import list_of
from servicekit.errors import Reason, ServiceError, invalid

MAX_BYTES: Final = 100 * 1024
MAX_METRICS: Final = 100
_SIDES_PX: Final = range(1, 2_001)
_FIELD: Final = "widget_json"


def check_widget(widget_json: str, allowed_regions: Collection[str]) -> None:
    """Raises ServiceError for what is no widget, is too large or names a region outside `allowed_regions` (empty: any).

    A widget can name regions of its own beside that of the call.
    """
    size = len(widget_json.encode())
    if size > MAX_BYTES:
        raise invalid(_FIELD, f"the widget has {size} bytes; at most {MAX_BYTES} are allowed")
    widget = _parse(widget_json)
    rows = list_of(widget, "metrics")
    if not rows:
        raise invalid(_FIELD, 'it needs "metrics", a list such as [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]]')
    if len(rows) > MAX_METRICS:
        raise invalid(_FIELD, f"it has {len(rows)} metrics; at most {MAX_METRICS} are allowed")
    for side in ("width", "height"):
        if side in widget and not _is_side(widget[side]):
            raise invalid(_FIELD, f"its {side} must be a whole number of pixels from 1 to {_SIDES_PX[-1]}")
    _check_regions(widget, rows, allowed_regions)


def _parse(widget_json: str) -> dict[str, Any]:
    try:
        widget = json.loads(widget_json, object_pairs_hook=_each_once)
    except ValueError as error:
        raise invalid(_FIELD, f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise invalid(_FIELD, "it is nested too deeply") from error
    if not isinstance(widget, dict):
        raise invalid(_FIELD, "it must be a JSON object, in the syntax of AWS's GetMetricWidgetImage")
    return widget


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`. Raises ValueError for a name given twice: what is checked must be what AWS reads."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice in an object")
    return found


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _SIDES_PX


def _check_regions(widget: dict[str, Any], rows: list[Any], allowed_regions: Collection[str]) -> None:
    options = [part for row in rows if isinstance(row, list) for part in row if isinstance(part, dict)]
    for named in (widget, *options):
        region = named.get("region")
        if region is not None and allowed_regions and region not in allowed_regions:
            raise ServiceError(
                Reason.REGION_NOT_ALLOWED,
                "the widget names a region that may not be used with this account",
                field=_FIELD,
                details={"regions": ", ".join(allowed_regions)},
            )
