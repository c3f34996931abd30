"""What aws/answers.py relies on in botocore and aiobotocore: parsers come from the session's component, never wait, and
read XML by one method. An upgrade that changes any of it fails here.
"""

import asyncio
import gc
import json
import os
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import botocore.session
import pytest
from aiobotocore.parsers import AioResponseParserFactory
from botocore.parsers import ResponseParserError

from cloudwatch_service.aws import answers
from cloudwatch_service.aws.answers import AnswerParsers
from cloudwatch_service.aws.metrics.columns import OUTPUT_SHAPE, parse_metric_data
from cloudwatch_service.aws.shared_clients import SharedClients, parse_timestamp
from cloudwatch_service.domain.metrics.series import COLUMNS
from servicekit.worker_processes import WorkerProcesses

SMALL, LARGE = 10, 5_000
MINUTE_S = 60


def _shape(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).output_shape


def _response(operation: str, body: str) -> dict[str, Any]:
    return {"headers": {}, "status_code": 200, "body": body.encode(), "context": {"operation_name": operation}}


def _metric_data(points: int) -> dict[str, Any]:
    times = "".join(f"<member>2026-11-23T{n // 60 % 24:02}:{n % 60:02}:00Z</member>" for n in range(points))
    values = "".join(f"<member>{n}.5</member>" for n in range(points))
    series = (
        f"<member><Id>m1</Id><Label>\u00e9</Label><Timestamps>{times}</Timestamps><Values>{values}</Values></member>"
    )
    result = f"<GetMetricDataResult><MetricDataResults>{series}</MetricDataResults></GetMetricDataResult>"
    metadata = "<ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata>"
    return _response(
        "GetMetricData", f'<GetMetricDataResponse xmlns="urn:x">{result}{metadata}</GetMetricDataResponse>'
    )


def _query_results(rows: int) -> dict[str, Any]:
    body = {"status": "Complete", "results": [[{"field": "@message", "value": f"line {n}" * 5}] for n in range(rows)]}
    return _response("GetQueryResults", json.dumps(body))


@pytest.fixture
async def workers() -> AsyncIterator[WorkerProcesses]:
    """One worker, if it is needed."""
    processes = WorkerProcesses(1)
    yield processes
    await processes.close()


@pytest.fixture
def parsers(workers: WorkerProcesses) -> AnswerParsers:
    """Parsers that use threads for whatever is large."""
    return AnswerParsers(parse_timestamp, workers, {})


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The names of the threads that parsed large answers, and whether garbage was collected meanwhile."""
    found: list[tuple[str, bool]] = []
    parse = answers._Parser._parse

    def noted(self: Any, response: dict[str, Any], shape: Any) -> Any:
        found.append((threading.current_thread().name, gc.isenabled()))
        return parse(self, response, shape)

    monkeypatch.setattr(answers._Parser, "_parse", noted)
    return found


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("protocol", "service", "operation", "make"),
    [("query", "cloudwatch", "GetMetricData", _metric_data), ("json", "logs", "GetQueryResults", _query_results)],
)
async def test_answers_mean_what_botocore_says_they_do(
    parsers: AnswerParsers,
    threads: list[tuple[str, bool]],
    protocol: str,
    service: str,
    operation: str,
    make: Any,
    size: int,
) -> None:
    shape = _shape(service, operation)
    plain = AioResponseParserFactory()
    plain.set_parser_defaults(timestamp_parser=parse_timestamp)
    expected = await plain.create_parser(protocol).parse(make(size), shape)
    parsed: Mapping[str, Any] = await parsers.create_parser(protocol).parse(make(size), shape)
    assert parsed == expected
    assert [name != threading.main_thread().name for name, _ in threads] == ([True] if size == LARGE else [])
    assert not any(is_collecting for _, is_collecting in threads)
    assert gc.isenabled()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_is_not_xml_is_botocores_error_and_not_quoted(parsers: AnswerParsers, size: int) -> None:
    broken = _metric_data(size)
    broken["body"] = broken["body"][:-10]
    with pytest.raises(ResponseParserError) as caught:
        await parsers.create_parser("query").parse(broken, _shape("cloudwatch", "GetMetricData"))
    assert len(str(caught.value)) < 200
    assert gc.isenabled()


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY e0 "aaaaaaaaaa">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)),
        f'<!ENTITY e9 "{"a" * 100_000}">',
        '<!ENTITY e9 SYSTEM "file:///etc/hostname">',
    ],
    ids=["entities of entities", "a long entity many times", "a file"],
)
async def test_entities_of_a_document_neither_multiply_nor_read_files(parsers: AnswerParsers, declared: str) -> None:
    """expat's own bounds, which is why ElementTree may read what AWS answers."""
    document = f"<!DOCTYPE r [{declared}]><r>{'&e9;' * 20_000}</r>".encode()
    answer = {"status_code": 200, "headers": {}, "body": document}
    with pytest.raises(ResponseParserError) as caught:
        await parsers.create_parser("query").parse(answer, _shape("cloudwatch", "GetMetricData"))
    assert len(str(caught.value)) < 200


async def test_one_who_gives_up_stops_nobody(parsers: AnswerParsers) -> None:
    parser, shape = parsers.create_parser("query"), _shape("cloudwatch", "GetMetricData")
    parsing = [asyncio.create_task(parser.parse(_metric_data(LARGE), shape)) for _ in range(4)]
    await asyncio.sleep(0)
    parsing[0].cancel()
    parsing[2].cancel()
    found = await asyncio.gather(*parsing, return_exceptions=True)
    assert [isinstance(one, dict) for one in found] == [False, True, False, True]


async def test_a_worker_gives_the_same_in_columns(workers: WorkerProcesses, threads: list[tuple[str, bool]]) -> None:
    shape = _shape("cloudwatch", "GetMetricData")
    expected = await AioResponseParserFactory().create_parser("query").parse(_metric_data(LARGE), shape)
    parser = AnswerParsers(parse_timestamp, workers, {OUTPUT_SHAPE: parse_metric_data}).create_parser("query")
    packed = await parser.parse(_metric_data(LARGE), shape)
    (loose,) = expected["MetricDataResults"]
    times_ms, values = packed["MetricDataResults"][0].pop(COLUMNS)
    assert times_ms.tolist() == sorted(time.timestamp() * 1_000 for time in loose.pop("Timestamps"))
    assert sorted(values) == loose.pop("Values")
    assert packed == expected
    assert not threads


async def test_errors_and_broken_documents_come_out_of_a_worker(workers: WorkerProcesses) -> None:
    shape = _shape("cloudwatch", "GetMetricData")
    parser = AnswerParsers(parse_timestamp, workers, {OUTPUT_SHAPE: parse_metric_data}).create_parser("query")
    padding = " " * 200_000
    error = "<ErrorResponse><Error><Code>Throttling</Code><Message>slow</Message></Error></ErrorResponse>"
    refused = await parser.parse({**_response("GetMetricData", error + padding), "status_code": 400}, shape)
    assert refused["Error"] == {"Code": "Throttling", "Message": "slow"}
    broken = _metric_data(LARGE)
    broken["body"] = broken["body"][:-10]
    with pytest.raises(ResponseParserError):
        await parser.parse(broken, shape)


async def test_without_a_worker_the_service_parses_itself(
    workers: WorkerProcesses, threads: list[tuple[str, bool]]
) -> None:
    shape = _shape("cloudwatch", "GetMetricData")
    parser = AnswerParsers(parse_timestamp, workers, {OUTPUT_SHAPE: _die}).create_parser("query")
    parsed = await parser.parse(_metric_data(LARGE), shape)
    assert len(parsed["MetricDataResults"][0]["Timestamps"]) == LARGE
    assert len(threads) == 1


def _die(_response: Mapping[str, Any]) -> dict[str, Any]:
    os._exit(1)


async def test_clients_parse_with_them() -> None:
    clients = SharedClients()
    client = await clients.get("cloudwatch", "us-east-1")
    assert isinstance(client._endpoint._response_parser_factory, AnswerParsers)
    await clients.close()
