"""Calls of get_metric_metadata."""

from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import Case


def _metadata(name: str, namespace: Any, metric_name: str, **options: Any) -> Case:
    arguments = {"namespace": namespace, "metric_name": metric_name}
    return Case("get_metric_metadata", name, arguments, **options)


CASES: Final = (
    _metadata("a metric with everything", "AWS/Lambda", "Duration"),
    _metadata("a metric of EC2", "AWS/EC2", "CPUUtilization"),
    _metadata("a metric without a unit", "AWS/CertificateManager", "DaysToExpiry"),
    _metadata("a metric that is none", "AWS/Lambda", "Nothing"),
    _metadata("a namespace that is none", "Company/Own", "Orders"),
    _metadata("other letters", "aws/lambda", "duration"),
    _metadata(
        "a load balancer", "AWS/ApplicationELB", "RequestCount", differs={"result": reasons.CATALOG_LACKS_NAMESPACES}
    ),
    _metadata("no namespace", None, "Duration", cause="namespace"),
)
