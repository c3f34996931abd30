"""ListDashboards, GetDashboard and GetMetricWidgetImage. A picture is one pixel; its widget is remembered in it."""

import base64
import binascii
import json
import struct
import zlib
from typing import Any, Final

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.paging import page
from tests.kit.fake_aws.wire import AwsError, Call, iso

PAGE: Final = 1_000
_CHANGED_AT_S: Final = 1_735_689_600


def list_dashboards(account: Account, call: Call) -> dict[str, Any]:
    """ListDashboards, by name."""
    prefix = call.text("DashboardNamePrefix") or ""
    names = sorted(name for name in account.dashboards if name.startswith(prefix))
    shown, following = page(call, names, PAGE)
    entries = [
        {
            "DashboardName": name,
            "DashboardArn": _arn(call, name),
            "LastModified": iso(_CHANGED_AT_S),
            "Size": len(_body(account, name)),
        }
        for name in shown
    ]
    return {"DashboardEntries": entries, "NextToken": following}


def get_dashboard(account: Account, call: Call) -> dict[str, Any]:
    """GetDashboard."""
    name = call.text("DashboardName") or ""
    if name not in account.dashboards:
        raise AwsError("ResourceNotFound", 404, f"Dashboard {name} does not exist")
    return {"DashboardArn": _arn(call, name), "DashboardBody": _body(account, name), "DashboardName": name}


def get_metric_widget_image(call: Call) -> dict[str, Any]:
    """GetMetricWidgetImage: refuses what is no JSON object with metrics."""
    try:
        widget = json.loads(call.text("MetricWidget") or "")
    except ValueError as error:
        raise call.invalid("Invalid metricWidget") from error
    if not isinstance(widget, dict) or not widget.get("metrics"):
        raise call.invalid("Validation error: metricWidget should have metrics")
    return {"MetricWidgetImage": base64.b64encode(picture(call.text("MetricWidget") or "")).decode()}


def picture(remark: str) -> bytes:
    """A PNG of one pixel with a remark, so that a test can tell pictures apart."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    text = b"Comment\x00" + base64.b64encode(remark.encode())
    chunks = ((b"IHDR", header), (b"tEXt", text), (b"IDAT", zlib.compress(b"\x00\xff")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))
        for kind, data in chunks
    )


def _body(account: Account, name: str) -> str:
    body = account.dashboards[name]
    return body if isinstance(body, str) else json.dumps(body)


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:cloudwatch::{call.account_id}:dashboard/{name}"
