"""Parses AWS's answers, large ones elsewhere, so that one user's many points or rows do not make others wait.

It must not know any operation. What has a packed form is parsed by a worker process, which shares no interpreter with
the event loop; anything else, or when a worker has broken down, in a thread. Only one large answer is parsed in a
thread at a time: more threads would take turns with the event loop anyway. XML is fed in pieces, because a single one
of several megabytes keeps the interpreter to itself. Garbage is not collected meanwhile: the hundred thousands of nodes
of a document are none, and looking through them stops everybody for longer than anything else here.
tests/contract/test_botocore_parsing.py pins what is relied on.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final
from xml.etree import ElementTree  # as botocore parses the same answers  # nosec B405

from aiobotocore.parsers import AioQueryParser, AioResponseParserFactory
from botocore.parsers import ResponseParserError

from cloudwatch_service.aws.promql.answers import PromqlParser
from servicekit.fair_turns import FairTurns
from servicekit.worker_processes import WorkerBroken, WorkerProcesses

_log = logging.getLogger(__name__)

_LARGE_BYTES: Final = 128 * 1024
_PIECE_BYTES: Final = 64 * 1024

PackedParser = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Parses a response (headers, status_code, body) in a worker process to something that is quick to take over."""


class AnswerParsers:
    """Makes the parsers of one botocore session, in place of its own "response_parser_factory".

    `packed` has the worker's functions for large answers of the query protocol, by the name of their output shape.
    """

    def __init__(
        self,
        timestamp_parser: Callable[[Any], datetime],
        workers: WorkerProcesses,
        packed: Mapping[str, PackedParser],
    ) -> None:
        self._timestamp_parser = timestamp_parser
        self._workers = workers
        self._packed = packed
        self._others = AioResponseParserFactory()
        self._others.set_parser_defaults(timestamp_parser=timestamp_parser)
        self._turn = FairTurns(1)

    def create_parser(self, protocol_name: str) -> "_Parser":
        """The parser of a protocol, such as "query" or "json"."""
        if protocol_name == "query":
            parser = _QueryParser(timestamp_parser=self._timestamp_parser)
            return _Parser(parser, self._turn, self._workers, self._packed)
        if protocol_name == "rest-json":  # nothing else here speaks it
            return _Parser(PromqlParser(timestamp_parser=self._timestamp_parser), self._turn, self._workers, {})
        return _Parser(self._others.create_parser(protocol_name), self._turn, self._workers, {})


class _Parser:
    """A botocore parser that leaves the event loop to others."""

    def __init__(
        self, parser: Any, turn: FairTurns, workers: WorkerProcesses, packed: Mapping[str, PackedParser]
    ) -> None:
        self._parser = parser
        self._turn = turn
        self._packed = packed
        self._workers = workers

    async def parse(self, response: dict[str, Any], shape: Any) -> Any:
        """What `response` says."""
        if len(response["body"]) < _LARGE_BYTES:
            return await self._parser.parse(response, shape)
        pack = self._packed.get(shape.name) if shape else None
        if pack is not None:
            try:
                return await self._workers.run(pack, {**response, "headers": dict(response["headers"])})
            except WorkerBroken:
                _log.exception("a large answer is parsed in the service itself")
        async with self._turn.turn():
            return await asyncio.to_thread(self._parse_without_collecting, response, shape)

    def _parse_without_collecting(self, response: dict[str, Any], shape: Any) -> Any:
        if not gc.isenabled():
            return self._parse(response, shape)
        gc.disable()
        try:
            return self._parse(response, shape)
        finally:
            gc.enable()

    def _parse(self, response: dict[str, Any], shape: Any) -> Any:
        """The result of a coroutine that never waits. Raises RuntimeError when it does."""
        parsing: Coroutine[Any, Any, Any] = self._parser.parse(response, shape)
        try:
            parsing.send(None)
        except StopIteration as done:
            return done.value
        parsing.close()
        raise RuntimeError("a parser waits for something")


class _QueryParser(AioQueryParser):
    """The query protocol's parser, which lets other threads run between the pieces of a document."""

    def _parse_xml_string_to_dom(self, xml_string: bytes) -> ElementTree.Element:
        parser = ElementTree.XMLParser(encoding=self.DEFAULT_ENCODING)  # noqa: S314 - expat's own limits hold
        try:
            for start in range(0, len(xml_string), _PIECE_BYTES):
                parser.feed(xml_string[start : start + _PIECE_BYTES])
            return parser.close()
        except ElementTree.ParseError as error:
            raise ResponseParserError(f"the answer is not XML: {error}") from error
