"""The form of a log line."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace

from servicekit import logs
from servicekit.identity import Principal, acting_for
from servicekit.logs import JsonLines
from tests.kit.spans import recorded_spans


def line(message: str, *arguments: object, exc_info: object = None) -> dict[str, str]:
    record = logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, arguments, exc_info)  # type: ignore[arg-type]
    text = JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, str] = json.loads(text)
    return found


def test_a_line_says_when_how_bad_who_and_what() -> None:
    found = line("%d of %s", 3, "many")
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "a.b", "3 of many")
    assert found["time"].endswith("+00:00")
    assert set(found) == {"time", "level", "logger", "message"}


def test_a_line_cannot_be_split_by_what_it_quotes() -> None:
    assert line('evil\n{"level": "INFO"}\r\x00')["message"] == 'evil\n{"level": "INFO"}\r\x00'


def test_a_line_is_joined_to_the_trace_and_the_user() -> None:
    with recorded_spans(), trace.get_tracer("test").start_as_current_span("work") as span:
        with acting_for(Principal("u-alice", "https://idp", "alice", email="alice@example.com"), b"proof"):
            found = line("hello")
        assert found["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert found["user_id"] == "u-alice"
    assert "alice@example.com" not in str(found)


def test_facts_are_fields_of_the_line(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("a.b").warning("ended", extra={"facts": {"bytes_scanned": 5}})
    [record] = caplog.records
    found = json.loads(JsonLines().format(record))
    assert (found["message"], found["bytes_scanned"]) == ("ended", 5)


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        found = line("oh", exc_info=sys.exc_info())
    assert found["exception"].endswith("ValueError: broken")


def test_records_are_stamped_as_long_as_that_is_wanted() -> None:
    with logs.stamping(development="token_claims"):
        assert line("hello")["development"] == "token_claims"
    assert "development" not in line("hello")


@pytest.fixture
def _loggers_restored() -> Iterator[None]:
    root = logging.getLogger()
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    levels = [each.level for each in loggers]
    handlers = root.handlers[:]
    yield
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.usefixtures("_loggers_restored")
@pytest.mark.parametrize(("level", "of_libraries"), [("debug", "WARNING"), ("INFO", "WARNING"), ("ERROR", "ERROR")])
@pytest.mark.parametrize("library", ["botocore", "sse_starlette.sse", "mcp.server", "one.nobody.has.thought.of"])
def test_libraries_are_quieter_than_we_are(level: str, of_libraries: str, library: str) -> None:
    logs.set_up(level)
    assert logging.getLevelName(logging.getLogger("servicekit.x").getEffectiveLevel()) == level.upper()
    assert logging.getLevelName(logging.getLogger(library).getEffectiveLevel()) == of_libraries
