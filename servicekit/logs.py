"""Logs as JSON lines on standard error, joined to traces by trace id. Secrets are never given to a logger."""

import datetime as dt
import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace

from servicekit.errors import Reason, ServiceError
from servicekit.identity import find_principal

_OWN_LOGGERS: Final = ("__main__", "auth_service", "cloudwatch_service", "mcp_frontend", "servicekit")
_stamps: Final[dict[str, str]] = {}


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, trace id and user id where there are any.

    A record for machines has more: what `extra={"facts": {...}}` gave to the logger.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`; exceptions as text in `exception`."""
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_stamps,
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
        principal = find_principal()
        if principal is not None:
            line["user_id"] = principal.user_id
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


@contextmanager
def stamping(**facts: str) -> Iterator[None]:
    """Put these facts into every record of the process while open, such as that it runs in a way for development."""
    _stamps.update(facts)
    try:
        yield
    finally:
        for name in facts:
            _stamps.pop(name, None)


def log_incident(log: logging.Logger, place: str) -> ServiceError:
    """Log the exception that is being handled; returns the INTERNAL error that names its log entry only."""
    incident = secrets.token_hex(8)
    log.exception("unexpected failure in %s, incident %s", place, incident)
    message = f"unexpected failure; the service's log has incident {incident}"
    return ServiceError(Reason.INTERNAL, message, details={"incident": incident})


@contextmanager
def logging_incidents(log: logging.Logger, place: str) -> Iterator[None]:
    """Let ServiceError pass; anything else that fails inside is logged and raised as the error that names it."""
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:
        raise log_incident(log, place) from error


def set_up(level: str) -> None:
    """Send this process's logs to standard error: our own from `level` on, those of libraries from WARNING on.

    What libraries say below that is for their authors, and some of it is whole requests and answers.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    own_level = logging.getLogger().level
    logging.getLogger().setLevel(max(logging.WARNING, own_level))
    for name in _OWN_LOGGERS:
        logging.getLogger(name).setLevel(own_level)
    # uvicorn warns of every malformed request, which anybody can send at any rate.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
