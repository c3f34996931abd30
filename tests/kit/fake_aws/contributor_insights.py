"""DescribeInsightRules and GetInsightRuleReport: contributors that a test can foretell, 150 for every rule.

The contributor number n (0 is the first) has the keys "<account>-<n>" and contributes 1,000 - n in each period.
"""

import json
from typing import Any, Final

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.paging import page
from tests.kit.fake_aws.wire import AwsError, Call, iso

UNIQUE: Final = 150
_FIRST: Final = 1_000
_MAX_CONTRIBUTORS: Final = 100


def describe_rules(account: Account, call: Call) -> dict[str, Any]:
    """DescribeInsightRules."""
    rules, following = page(call, account.insight_rules, call.integer("MaxResults", 500, 1, 500))
    return {"InsightRules": rules, "NextToken": following}


def get_report(account: Account, call: Call) -> dict[str, Any]:
    """GetInsightRuleReport."""
    name, start_s, end_s = call.text("RuleName"), call.time_s("StartTime"), call.time_s("EndTime")
    rule = next((rule for rule in account.insight_rules if rule["Name"] == name), None)
    if rule is None:
        raise AwsError("ResourceNotFoundException", 404, f"Rule {name} does not exist")
    period_s = call.integer("Period", 0, 60, 86_400)
    if start_s is None or end_s is None or start_s >= end_s or period_s % 60:
        raise call.invalid("StartTime must be before EndTime, and Period a multiple of 60")
    count = call.integer("MaxContributorCount", 10, 1, _MAX_CONTRIBUTORS)
    labels = json.loads(rule["Definition"])["Contribution"]["Keys"]
    times_s = range(-(-int(start_s) // period_s) * period_s, int(end_s), period_s)
    contributors = [
        {
            "Keys": [f"{account.account_id}-{number}"] * len(labels),
            "ApproximateAggregateValue": float((_FIRST - number) * len(times_s)),
            "Datapoints": [
                {"Timestamp": iso(time_s), "ApproximateValue": float(_FIRST - number)} for time_s in times_s
            ],
        }
        for number in range(count)
    ]
    total = sum(_FIRST - number for number in range(UNIQUE)) * len(times_s)
    return {
        "KeyLabels": labels,
        "AggregationStatistic": "SUM" if rule["Definition"].find('"Sum"') >= 0 else "COUNT",
        "AggregateValue": float(total),
        "ApproximateUniqueCount": UNIQUE,
        "Contributors": contributors,
        "MetricDatapoints": [],
    }
