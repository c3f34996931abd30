"""The payments account: an incident in the orders service and the settlement function. Pure data."""

from typing import Final

from deploy.local.observations import CompositeAlarm, LogGroup, MetricAlarm, MetricSeries, RegionContents

_ORDERS = {"Service": "orders-api"}
_ORDER_FAILURES = MetricSeries("Payments/Orders", "OrderFailures", _ORDERS, "Count", 1, 0.8, incident_level=18)
_ORDER_LATENCY = MetricSeries("Payments/Orders", "OrderLatency", _ORDERS, "Milliseconds", 180, 25, incident_level=940)
_SETTLEMENT_ERRORS = MetricSeries(
    "AWS/Lambda", "Errors", {"FunctionName": "payments-settlement"}, "Count", 0.2, 0.2, incident_level=6
)
_SETTLEMENT_DURATION = MetricSeries(
    "AWS/Lambda", "Duration", {"FunctionName": "payments-settlement"}, "Milliseconds", 2_300, 400
)
_REFUNDS_AGE = MetricSeries(
    "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "payments-refunds"}, "Seconds", 22, 9
)
_CARD_DECLINES_EU = MetricSeries("Payments/Cards", "CardDeclines", {"Region": "eu"}, "Count", 4, 1.5, incident_level=31)

_HOME = RegionContents(
    region="us-east-1",
    series=(_ORDER_FAILURES, _ORDER_LATENCY, _SETTLEMENT_ERRORS, _SETTLEMENT_DURATION, _REFUNDS_AGE),
    alarms=(
        MetricAlarm("payments-order-failures", "Orders that failed, a minute", _ORDER_FAILURES, 10, in_alarm=True),
        MetricAlarm(
            "payments-settlement-errors", "Failed runs of the settlement function", _SETTLEMENT_ERRORS, 3, in_alarm=True
        ),
        MetricAlarm(
            "payments-refunds-waiting", "Refunds that wait too long", _REFUNDS_AGE, 300, in_alarm=False, period_s=300
        ),
    ),
    composite_alarms=(
        CompositeAlarm(
            "payments-money-not-moving",
            "Orders fail and settlement fails",
            'ALARM("payments-order-failures") AND ALARM("payments-settlement-errors")',
        ),
    ),
    log_groups=(
        LogGroup(
            "/payments/orders-api",
            30,
            (
                '{"level":"INFO","order":"P-{n}","event":"order accepted","amount_eur":49.90}',
                '{"level":"INFO","order":"P-{n}","event":"card authorised","latency_ms":171}',
                '{"level":"ERROR","order":"P-{n}","event":"order failed","cause":"card gateway timeout after 900 ms"}',
            ),
            every_minutes=3,
        ),
        LogGroup(
            "/payments/card-gateway",
            14,
            (
                "INFO request {n} forwarded to acquirer north",
                "WARN request {n} retried, acquirer north answered late",
                "ERROR request {n} gave up, acquirer north did not answer",
            ),
        ),
        LogGroup(
            "/aws/lambda/payments-settlement",
            30,
            (
                "START RequestId: 7c0d-{n} Version: $LATEST",
                "[ERROR] SettlementError: batch {n} was rejected by the bank",
                "END RequestId: 7c0d-{n}",
            ),
        ),
        LogGroup(
            "/payments/fraud-screening",
            90,
            ("INFO payment {n} scored 0.07, passed", "INFO payment {n} scored 0.91, held for review"),
            every_minutes=10,
        ),
    ),
)

_EUROPE = RegionContents(
    region="eu-west-1",
    series=(_CARD_DECLINES_EU,),
    alarms=(
        MetricAlarm("payments-eu-card-declines", "Cards declined in Europe", _CARD_DECLINES_EU, 20, in_alarm=True),
    ),
    log_groups=(
        LogGroup("/payments/card-gateway", 14, ("ERROR request {n} declined by acquirer south, do not honour",)),
    ),
)

PAYMENTS_CONTENTS: Final = (_HOME, _EUROPE)
