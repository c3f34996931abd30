"""analyze_log_group and describe_log_group_fields as an MCP client sees them.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.log_analysis import LogAnalysisData
from tests.kit.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = f"/app/{ALICE_ACCOUNT}/web"
ARN = f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:{NAME}"
DAY = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
START_S, END_S = (int(datetime(2026, 11, 23, hour, tzinfo=UTC).timestamp()) for hour in (0, 12))
TOP, ERRORS = "pattern @message | sort", "(?i)"
PATTERN = {
    "@pattern": "failed after <*> ms",
    "@sampleCount": "12",
    "@ratio": "0.5",
    "@severityLabel": "ERROR",
    "@tokens": "[1, 2]",
    "@visualization": "[3, 4]",
    "@logSamples": json.dumps([{"timestamp": 1_700_000_000_123, "message": "failed after 7 ms"}, {"message": "no"}]),
}


@pytest.fixture
def data(aws: FakeAws) -> LogAnalysisData:
    return aws.accounts[ALICE_ACCOUNT].log_analysis


def _queries(aws: FakeAws) -> list[dict[str, Any]]:
    return sorted(
        (call.parameters for call in aws.calls_of("logs:StartQuery")), key=lambda each: len(each["queryString"])
    )


async def test_what_is_asked(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    detector = data.add_detector("first", ARN)
    await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    (listed,) = aws.calls_of("logs:ListLogAnomalyDetectors")
    assert listed.parameters["filterLogGroupArn"] == ARN
    (listed,) = aws.calls_of("logs:ListAnomalies")
    assert listed.parameters["anomalyDetectorArn"] == detector["anomalyDetectorArn"]
    assert listed.parameters["suppressionState"] == "UNSUPPRESSED"
    for query in _queries(aws):
        assert query["logGroupIdentifiers"] == [ARN]
        assert (query["startTime"], query["endTime"], query["limit"]) == (START_S, END_S, 5)
    top, errors = (query["queryString"] for query in _queries(aws))
    assert top == "pattern @message | sort @sampleCount desc | limit 5"
    assert "like /(?i)(error|exception|fail|timeout|fatal)/" in errors


async def test_fault_avoided_error_patterns_are_asked_for_by_count(aws: FakeAws, alice: Person) -> None:
    await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    assert _queries(aws)[1]["queryString"].endswith("| pattern @message | sort @sampleCount desc | limit 5")


async def test_anomalies(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    detector = data.add_detector("mine", ARN)
    data.add_anomaly(detector, START_S + 60, START_S + 120, priority="HIGH")
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    assert answer["log_anomaly_results"] == {
        "anomaly_detectors": [
            {
                "anomalyDetectorArn": detector["anomalyDetectorArn"],
                "detectorName": "mine",
                "anomalyDetectorStatus": "ANALYZING",
            }
        ],
        "anomalies": [
            {
                "anomalyDetectorArn": detector["anomalyDetectorArn"],
                "logGroupArnList": [ARN],
                "firstSeen": "2026-11-23T00:01:00Z",
                "lastSeen": "2026-11-23T00:02:00Z",
                "description": "more often than usual",
                "priority": "HIGH",
                "patternRegex": r"failed after (\d+) ms",
                "patternString": "failed after <*> ms",
                "logSamples": [{"timestamp": "2026-11-23T00:02:00Z", "message": "failed after 7 ms"}],
                "histogram": {"2026-11-23T00:01:00Z": 3},
            }
        ],
    }


async def test_anomalies_of_the_window_and_the_group_only(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    detector = data.add_detector("mine", ARN)
    for name, first_s, last_s in [
        ("before", START_S - 20, START_S - 1),
        ("ends with the start", START_S - 20, START_S),
        ("around", START_S - 20, END_S + 20),
        ("begins with the end", END_S, END_S + 20),
        ("after", END_S + 1, END_S + 20),
    ]:
        data.add_anomaly(detector, first_s, last_s, description=name)
    data.add_anomaly(detector, START_S, END_S, description="other group", logGroupArnList=[ARN + "-2"])
    data.add_anomaly(detector, START_S, END_S, description="suppressed", suppressed=True)
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    found = [anomaly["description"] for anomaly in answer["log_anomaly_results"]["anomalies"]]
    assert found == ["ends with the start", "around", "begins with the end"]


async def test_all_pages_of_detectors_and_anomalies(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.page_size = 1
    for number in range(3):
        detector = data.add_detector(f"d{number}", ARN)
        for _ in range(3):
            data.add_anomaly(detector, START_S, END_S)
    found = (await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY))["log_anomaly_results"]
    assert (len(found["anomaly_detectors"]), len(found["anomalies"])) == (3, 9)
    assert "message" not in found


async def test_patterns(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries(ERRORS, rows=[{"@pattern": "no sample", "@sampleCount": "1"}])
    aws.logs.plan_queries(TOP, rows=[PATTERN])
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    assert answer["top_patterns"]["status"] == "Complete"
    assert answer["top_patterns"]["statistics"]["bytesScanned"] == 65_536.0
    assert answer["top_patterns"]["queryId"] in aws.logs.insights.queries
    assert answer["top_patterns"]["results"] == [
        {
            "@pattern": "failed after <*> ms",
            "@sampleCount": "12",
            "@ratio": "0.5",
            "@severityLabel": "ERROR",
            "@logSamples": [{"timestamp": 1_700_000_000_123, "message": "failed after 7 ms"}],
        }
    ]
    errors = answer["top_patterns_containing_errors"]
    assert errors["results"] == [{"@pattern": "no sample", "@sampleCount": "1", "@logSamples": []}]


@pytest.mark.parametrize("samples", ["not JSON", "{}", "[]", "null", "[" * 100_000, '["text"]'])
async def test_fault_avoided_an_odd_sample_does_not_lose_the_pattern(aws: FakeAws, alice: Person, samples: str) -> None:
    aws.logs.plan_queries(rows=[PATTERN | {"@logSamples": samples}])
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    (row,) = answer["top_patterns"]["results"]
    assert row["@pattern"] == PATTERN["@pattern"]
    assert row["@logSamples"] == (["text"] if "text" in samples else [])


async def test_fault_avoided_the_three_parts_are_asked_at_the_same_time(aws: FakeAws, alice: Person) -> None:
    detectors, queries = aws.hold("logs:ListLogAnomalyDetectors"), aws.hold("logs:StartQuery")
    call = asyncio.create_task(alice.answer("analyze_log_group", log_group_arn=ARN, **DAY))
    await asyncio.gather(detectors.arrivals(1), queries.arrivals(2))  # each waits for nobody else
    detectors.release()
    queries.release()
    await call


@pytest.mark.parametrize("operation", ["ListLogAnomalyDetectors", "ListAnomalies"])
async def test_fault_avoided_refused_anomalies_do_not_lose_the_patterns(
    aws: FakeAws, alice: Person, data: LogAnalysisData, operation: str
) -> None:
    data.add_detector("mine", ARN)
    aws.deny(f"logs:{operation}")
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    assert answer["log_anomaly_results"]["anomalies"] == []
    assert len(answer["log_anomaly_results"]["anomaly_detectors"]) == (operation == "ListAnomalies")
    assert f"AWS denied logs:{operation}" in answer["log_anomaly_results"]["message"]
    assert answer["top_patterns"]["status"] == "Complete"
    assert answer["top_patterns_containing_errors"]["status"] == "Complete"


async def test_one_detector_that_fails_does_not_lose_the_others(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    for name in ("one", "two"):
        data.add_anomaly(data.add_detector(name, ARN), START_S, END_S)
    aws.fail_next("logs:ListAnomalies", "InvalidParameterException", 400, "no such detector")
    found = (await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY))["log_anomaly_results"]
    assert (len(found["anomaly_detectors"]), len(found["anomalies"])) == (2, 1)
    assert "no such detector" in found["message"]


async def test_fault_avoided_odd_detectors_and_anomalies_do_not_lose_the_others(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    detector = data.add_detector("mine", ARN)
    del data.add_detector("nameless", ARN)["detectorName"]
    data.add_anomaly(detector, START_S, END_S)
    odd = data.add_anomaly(detector, START_S, END_S, histogram={"x": 1}, logSamples=[])
    for name in ("patternRegex", "priority", "lastSeen", "description"):
        del odd[name]
    found = (await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY))["log_anomaly_results"]
    assert [each["detectorName"] for each in found["anomaly_detectors"]] == ["mine", ""]
    regular, odd = found["anomalies"]
    assert regular["lastSeen"] == "2026-11-23T12:00:00Z"
    assert (odd["lastSeen"], odd["patternRegex"], odd["logSamples"], odd["histogram"]) == (None, "", [], {})


async def test_a_refused_query_is_told_in_its_part(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.add_anomaly(data.add_detector("mine", ARN), START_S, END_S)
    aws.deny("logs:StartQuery")
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    for part in ("top_patterns", "top_patterns_containing_errors"):
        assert (answer[part]["queryId"], answer[part]["status"], answer[part]["results"]) == ("", "Error", [])
        assert "AWS denied logs:StartQuery" in answer[part]["message"]
    assert len(answer["log_anomaly_results"]["anomalies"]) == 1


async def test_one_query_that_fails_does_not_lose_the_other(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries(ERRORS, status="Failed")
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY)
    assert answer["top_patterns"]["status"] == "Complete"
    assert answer["top_patterns_containing_errors"]["status"] == "Failed"
    assert "could not finish" in answer["top_patterns_containing_errors"]["message"]


@pytest.mark.parametrize("given", [NAME, f"{ARN}:*"])
async def test_fault_avoided_anomalies_match_however_the_group_is_named(
    aws: FakeAws, alice: Person, data: LogAnalysisData, given: str
) -> None:
    data.add_anomaly(data.add_detector("mine", ARN), START_S, END_S)
    answer = await alice.answer("analyze_log_group", log_group_arn=given, **DAY)
    assert len(answer["log_anomaly_results"]["anomalies"]) == 1
    assert {query["logGroupIdentifiers"][0] for query in _queries(aws)} == {ARN}


async def test_fault_avoided_naive_times_are_utc_in_every_part(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.add_anomaly(data.add_detector("mine", ARN), START_S, START_S)
    times = {"start_time": "2026-11-23T00:00:00", "end_time": "2026-11-23T12:00"}
    answer = await alice.answer("analyze_log_group", log_group_arn=ARN, **times)
    assert len(answer["log_anomaly_results"]["anomalies"]) == 1
    assert {(query["startTime"], query["endTime"]) for query in _queries(aws)} == {(START_S, END_S)}


async def test_fault_avoided_account_and_region_apply_to_every_part(aws: FakeAws, eve: Person) -> None:
    arn = f"arn:aws:logs:eu-west-1:{BOB_ACCOUNT}:log-group:/app/{BOB_ACCOUNT}/web"
    data = aws.accounts[BOB_ACCOUNT].log_analysis
    data.add_anomaly(data.add_detector("his", arn), START_S, END_S)
    answer = await eve.answer("analyze_log_group", log_group_arn=arn, profile_name="webshop", region="eu-west-1", **DAY)
    assert len(answer["log_anomaly_results"]["anomalies"]) == 1
    asked = [call for call in aws.requests if call.service == "logs"]
    assert {"ListLogAnomalyDetectors", "ListAnomalies", "StartQuery"} <= {call.operation for call in asked}
    assert {(call.account_id, call.region) for call in asked} == {(BOB_ACCOUNT, "eu-west-1")}


async def test_the_region_of_an_arn_is_asked(aws: FakeAws, alice: Person) -> None:
    arn = ARN.replace("us-east-1", "eu-west-1")
    await alice.answer("analyze_log_group", log_group_arn=arn, **DAY)
    assert {call.region for call in aws.calls_of("logs:StartQuery")} == {"eu-west-1"}
    text = await alice.failure("analyze_log_group", log_group_arn=arn, region="us-east-1", **DAY)
    assert "region: the log group is in eu-west-1" in text


async def test_a_group_of_a_monitored_account_keeps_its_account(aws: FakeAws, alice: Person) -> None:
    arn = f"arn:aws:logs:us-east-1:{BOB_ACCOUNT}:log-group:/app/{BOB_ACCOUNT}/web"
    aws.accounts[ALICE_ACCOUNT].linked_accounts.append(BOB_ACCOUNT)
    answer = await alice.answer("analyze_log_group", log_group_arn=arn, **DAY)
    assert answer["top_patterns"]["status"] == "Complete"
    assert {query["logGroupIdentifiers"][0] for query in _queries(aws)} == {arn}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"log_group_arn": "arn:aws:s3:::bucket"}, "log_group_arn must be the name or the ARN"),
        ({"log_group_arn": ""}, "log_group_arn is required"),
        ({"start_time": "yesterday"}, "start_time must be an ISO 8601 time"),
        ({"start_time": "2026-11-24T00:00:00Z"}, "start_time is after end_time"),
        ({"region": "mars-1"}, "region"),
    ],
)
async def test_bad_arguments(aws: FakeAws, alice: Person, change: dict[str, str], words: str) -> None:
    text = await alice.failure("analyze_log_group", **({"log_group_arn": ARN} | DAY | change))
    assert words in text
    assert not [call for call in aws.requests if call.service == "logs"]


async def test_fault_avoided_a_cancelled_call_stops_both_queries(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries(polls=None)
    call = asyncio.create_task(alice.call("analyze_log_group", request_id="long", log_group_arn=ARN, **DAY))
    await until(lambda: len(aws.running_queries) == 2)
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "long"}}
    assert (await alice.post(cancelled)).status_code == 202
    assert (await call)["isError"]
    await until(lambda: not aws.running_queries and len(aws.calls_of("logs:StopQuery")) == 2)


async def test_many_and_large_anomalies_are_bounded(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    detector = data.add_detector("mine", ARN)
    for number in range(150):
        long = {"timestamp": START_S * 1_000, "message": "x" * 10_000}
        histogram = {str((START_S + bucket) * 1_000): 1 for bucket in range(300)}
        urgent = {"priority": "HIGH" if number == 149 else "LOW", "logSamples": [long], "histogram": histogram}
        data.add_anomaly(detector, START_S, END_S, **urgent)
    found = (await alice.answer("analyze_log_group", log_group_arn=ARN, **DAY))["log_anomaly_results"]
    assert len(json.dumps(found)) < 60_000
    assert len(found["anomalies"][0]["histogram"]) == 50
    assert f"{len(found['anomalies'])} of 150 anomalies are shown" in found["message"]


async def test_fields_of_a_log_group(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.fields[NAME] = [
        {"name": "status", "percent": 80},
        {"name": "@message", "percent": 100},
        {"name": "latency", "percent": 80},
        {"percent": 3},
    ]
    answer = await alice.answer("describe_log_group_fields", log_group_identifier=NAME)
    assert answer == {
        "fields": [
            {"name": "@message", "percent": 100},
            {"name": "latency", "percent": 80},
            {"name": "status", "percent": 80},
        ],
        "message": None,
    }
    (asked,) = aws.calls_of("logs:GetLogGroupFields")
    assert asked.parameters == {"logGroupIdentifier": ARN}


async def test_fields_around_a_time(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("describe_log_group_fields", log_group_identifier=ARN, time="2026-11-23T12:00")
    (asked,) = aws.calls_of("logs:GetLogGroupFields")
    assert asked.parameters["time"] == END_S
    assert answer["fields"] == []
    assert "no events in the 8 minutes before and after that time" in answer["message"]


async def test_many_fields_are_bounded(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.fields[NAME] = [{"name": f"f{n}" + "x" * 500, "percent": n % 100} for n in range(300)]
    answer = await alice.answer("describe_log_group_fields", log_group_identifier=NAME)
    assert len(json.dumps(answer)) < 40_000
    assert f"The {len(answer['fields'])} most common of 300 fields" in answer["message"]


async def test_fields_that_cannot_be_read(aws: FakeAws, alice: Person) -> None:
    text = await alice.failure("describe_log_group_fields", log_group_identifier="/nowhere")
    assert "does not exist" in text
    text = await alice.failure("describe_log_group_fields", log_group_identifier="no such thing")
    assert "log_group_identifier must be the name or the ARN" in text
    aws.deny("logs:GetLogGroupFields")
    text = await alice.failure("describe_log_group_fields", log_group_identifier=NAME)
    assert "AWS denied logs:GetLogGroupFields" in text
