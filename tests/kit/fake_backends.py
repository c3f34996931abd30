"""Scripted stubs of cloudwatch_service: real messages in, real messages or real gRPC errors out, nothing on a wire."""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import jsonschema
from google.protobuf.message import Message
from grpc.aio import AioRpcError, Metadata
from mcp_types import CallToolResult

from mcp_frontend.backends import Backends
from mcp_frontend.charts.chart import Chart
from mcp_frontend.charts.worker import ChartError
from mcp_frontend.tools import find_tool
from mcp_frontend.tools.tool import Progress, ToolCall, run
from servicekit.errors import ServiceError
from servicekit.grpc_errors import to_status

ASSERTION = b"an assertion"
_SERVICE_OF_RPC = {
    "ListAccounts": "accounts",
    "ListActiveAlarms": "alarms",
    "GetAlarmHistory": "alarms",
    "ListAlarmComponents": "alarms",
    "AnalyzeLogGroup": "log_analysis",
    "ListLogGroupFields": "log_analysis",
    "RecommendAccountIndexes": "log_analysis",
    "RecommendLogGroupIndexes": "log_analysis",
    "ListAlarmNames": "alarms",
    "ListLogGroups": "logs",
    "RunQuery": "logs",
    "RunQueryBatch": "logs",
    "RunSavedQuery": "logs",
    "GetQueryResults": "logs",
    "StopQuery": "logs",
    "AnalyzeMetric": "metric_analysis",
    "RecommendAlarms": "metric_analysis",
    "GetMetricMetadata": "metric_catalog",
    "GetMetricData": "metrics",
    "ListDashboards": "dashboards",
    "GetDashboard": "dashboards",
    "GetWidgetImage": "dashboards",
    "ListInsightRules": "contributor_insights",
    "GetInsightRuleReport": "contributor_insights",
    "EvaluateQuery": "promql",
    "EvaluateRangeQuery": "promql",
    "ListLabelValues": "promql",
    "ListSeries": "promql",
    "ListLabels": "promql",
}
STREAMED = {"RunQuery", "RunQueryBatch", "RunSavedQuery", "GetMetricData"}

Answer = Message | ServiceError | BaseException


class FakeStream:
    """The answers of one streaming RPC. `given_up` tells whether its reader stopped before the end."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers
        self._ended = False
        self.given_up = False

    async def __aiter__(self) -> AsyncIterator[Message]:
        for answer in self._answers:
            yield _answer(answer)
        self._ended = True

    def cancel(self) -> bool:
        self.given_up = not self._ended
        return self.given_up


class FakeCharts:
    """Draws nothing, but keeps what it was asked to draw. With a `failure` it says why there is no chart."""

    PNG = b"\x89PNG a chart"

    def __init__(self) -> None:
        self.drawn: list[Chart] = []
        self.failure: str | None = None

    async def draw(self, chart: Chart, within_s: float) -> bytes:
        if within_s <= 0:
            raise ChartError("it is late")
        self.drawn.append(chart)
        if self.failure:
            raise ChartError(self.failure)
        return self.PNG


class FakeBackends:
    """Answers each RPC from its script, in order; a streaming RPC gives its whole script at once.

    Records what was asked. An RPC without a script, or beyond its end, is a fault of the test and fails the call.
    """

    def __init__(self, **scripts: Sequence[Answer]) -> None:
        self._scripts = {name: list(answers) for name, answers in scripts.items()}
        self.requests: list[Any] = []
        self.metadata: list[Any] = []
        self.timeouts_s: list[float] = []
        self.streams: list[FakeStream] = []
        self.charts = FakeCharts()
        services: dict[str, SimpleNamespace] = {name: SimpleNamespace() for name in set(_SERVICE_OF_RPC.values())}
        for rpc, service in _SERVICE_OF_RPC.items():
            setattr(services[service], rpc, self._streaming(rpc) if rpc in STREAMED else self._unary(rpc))
        self.backends = Backends(**services)

    def script(self, rpc: str, *answers: Answer) -> None:
        """Replace what is left of an RPC's script."""
        self._scripts[rpc] = list(answers)

    def _record(self, request: Message, metadata: Any, timeout: float) -> None:
        copy = type(request)()
        copy.CopyFrom(request)
        self.requests.append(copy)
        self.metadata.append(metadata)
        self.timeouts_s.append(timeout)

    def _unary(self, rpc: str) -> Any:
        async def call(request: Message, *, metadata: Any, timeout: float) -> Message:  # noqa: ASYNC109 - as stubs have it
            self._record(request, metadata, timeout)
            return _answer(self._scripts[rpc].pop(0))

        return call

    def _streaming(self, rpc: str) -> Any:
        def call(request: Message, *, metadata: Any, timeout: float) -> FakeStream:
            self._record(request, metadata, timeout)
            self.streams.append(FakeStream(self._scripts.pop(rpc)))
            return self.streams[-1]

        return call

    def tool_call(self, *, timeout_s: float = 55.0, progress: Progress | None = None) -> ToolCall:
        return ToolCall(self.backends, ASSERTION, timeout_s, self.charts, progress)

    async def run(
        self,
        tool_name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = 55.0,
        progress: Progress | None = None,
    ) -> CallToolResult:
        """The result of a tool; structured content is checked against the tool's output schema."""
        tool = find_tool(tool_name)
        assert tool is not None
        result = await run(tool, arguments, self.tool_call(timeout_s=timeout_s, progress=progress))
        if not result.is_error:
            jsonschema.validate(result.structured_content, tool.definition.output_schema)
        return result

    async def answer(self, tool_name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The result proper of a call that must not fail."""
        result = await self.run(tool_name, arguments, **options)
        assert not result.is_error, text_of(result)
        tool = find_tool(tool_name)
        assert tool is not None
        return result.structured_content["result"] if tool.wrapped else result.structured_content

    async def failure(self, tool_name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> str:
        """The text of a call that must fail."""
        result = await self.run(tool_name, arguments, **options)
        assert result.is_error, text_of(result)
        assert result.structured_content is None
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    """The text content, which comes first and once."""
    content = result.content[0]
    assert content.type == "text"
    assert all(other.type == "image" for other in result.content[1:])
    return content.text


def images_of(result: CallToolResult) -> list[bytes]:
    """The pictures, which are all PNG."""
    images = [content for content in result.content if content.type == "image"]
    assert {image.mime_type for image in images} <= {"image/png"}
    return [b64decode(image.data, validate=True) for image in images]


def rpc_error(error: ServiceError) -> AioRpcError:
    """`error` as a stub raises it."""
    code, message, trailers = to_status(error)
    return AioRpcError(code, Metadata(), Metadata(*trailers), message)


def _answer(answer: Answer) -> Message:
    if isinstance(answer, ServiceError):
        raise rpc_error(answer)
    if isinstance(answer, BaseException):
        raise answer
    return answer
