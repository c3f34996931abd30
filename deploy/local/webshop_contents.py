"""The web shop account: a checkout page that breaks behind its load balancer. Pure data.

No name here occurs in the payments account, so data that crosses between people is noticed at once.
"""

from typing import Final

from deploy.local.observations import CompositeAlarm, LogGroup, MetricAlarm, MetricSeries, RegionContents

_PAGE_ERRORS = MetricSeries(
    "Webshop/Storefront",
    "PageErrors",
    {"Page": "checkout"},
    "Count",
    2,
    1.2,
    incident_level=44,
)
_FIRST_BYTE = MetricSeries(
    "Webshop/Storefront",
    "TimeToFirstByte",
    {"Page": "checkout"},
    "Milliseconds",
    95,
    12,
    incident_level=610,
)
_FRONT_5XX = MetricSeries(
    "AWS/ApplicationELB",
    "HTTPCode_Target_5XX_Count",
    {"LoadBalancer": "app/webshop-front/50dc6c495c0c9188"},
    "Count",
    1,
    1,
    incident_level=27,
)
_CARTS_THROTTLED = MetricSeries("AWS/DynamoDB", "ThrottledRequests", {"TableName": "webshop-carts"}, "Count", 0.3, 0.3)
_SEARCHES = MetricSeries("Webshop/Search", "Searches", {"Index": "products"}, "Count", 320, 60)
_SEARCH_LATENCY_EU = MetricSeries(
    "Webshop/Search", "SearchLatency", {"Index": "products-eu"}, "Milliseconds", 60, 8, incident_level=480
)

_HOME = RegionContents(
    region="us-east-1",
    series=(_PAGE_ERRORS, _FIRST_BYTE, _FRONT_5XX, _CARTS_THROTTLED, _SEARCHES),
    alarms=(
        MetricAlarm("webshop-checkout-errors", "Checkout pages that failed", _PAGE_ERRORS, 25, in_alarm=True),
        MetricAlarm("webshop-front-5xx", "Server errors behind the load balancer", _FRONT_5XX, 15, in_alarm=True),
        MetricAlarm(
            "webshop-carts-throttled", "Cart table throttled", _CARTS_THROTTLED, 10, in_alarm=False, period_s=300
        ),
    ),
    composite_alarms=(
        CompositeAlarm(
            "webshop-customers-affected",
            "Customers cannot check out",
            'ALARM("webshop-checkout-errors") OR ALARM("webshop-front-5xx")',
        ),
    ),
    log_groups=(
        LogGroup(
            "/webshop/storefront",
            30,
            (
                '{"level":"INFO","visitor":"W-{n}","page":"product","status":200}',
                '{"level":"ERROR","visitor":"W-{n}","page":"checkout","status":502,"cause":"cart-service refused"}',
            ),
            every_minutes=3,
        ),
        LogGroup(
            "/webshop/cart-service",
            14,
            ("INFO cart {n} saved", "ERROR cart {n} lost its session, pool exhausted"),
        ),
        LogGroup(
            "/webshop/search",
            14,
            ("INFO query {n} matched 38 products", "ERROR query {n} matched none, index products is stale"),
        ),
        LogGroup(
            "/aws/lambda/webshop-image-resizer",
            7,
            ("START RequestId: 19fa-{n} Version: $LATEST", "REPORT RequestId: 19fa-{n} Duration: 412.20 ms"),
            every_minutes=10,
        ),
    ),
)

_EUROPE = RegionContents(
    region="eu-west-1",
    series=(_SEARCH_LATENCY_EU,),
    alarms=(
        MetricAlarm("webshop-eu-search-latency", "Slow searches in Europe", _SEARCH_LATENCY_EU, 300, in_alarm=True),
    ),
    log_groups=(LogGroup("/webshop/search", 14, ("ERROR query {n} took 480 ms, index products-eu",)),),
)

WEBSHOP_CONTENTS: Final = (_HOME, _EUROPE)
