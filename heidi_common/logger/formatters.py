"""Format log records: JSON for production, colored text for a terminal."""

from __future__ import annotations

import logging
import re
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from heidi_common.logger.request_id import request_id
from heidi_common.tracing.spans import is_on, trace_id

_DETAIL = re.compile(r"^DETAIL: .*$", re.MULTILINE)
_COLORS = {"DEBUG": 36, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "service", "requestId", "traceId"}


class ContextFilter(logging.Filter):
    """Adds the service, the request ID and, if the process traces, the trace ID to every record."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def filter(self, record: logging.LogRecord) -> bool:
        record.service = self.service
        record.requestId = request_id()
        if is_on():
            record.traceId = trace_id()
        return True


class ConsoleFormatter(logging.Formatter):
    """Text: `12:00:01 INFO    auth  request  method=GET path=/x`. Control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _PLAIN)
        level = f"\x1b[{_COLORS.get(record.levelname, 0)}m{record.levelname:<7}\x1b[0m"
        service, text = getattr(record, "service", "-"), _visible(f"{record.getMessage()}  {extras}".rstrip())
        line = f"{self.formatTime(record, '%H:%M:%S')} {level} {service}  {text}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def formatException(self, ei: Any) -> str:
        return _without_values(super().formatException(ei))


class JsonFormatter(OrjsonFormatter):
    """One JSON object per line."""

    def formatException(self, ei: Any) -> str:
        return _without_values(str(super().formatException(ei)))


def _without_values(traceback: str) -> str:
    """PostgreSQL repeats values in its errors (`DETAIL: Key (email)=(...) already exists`)."""
    return _DETAIL.sub("DETAIL:  [left out]", traceback)


def _visible(text: str) -> str:
    """Escape CR, LF and other control characters, so that input cannot forge log lines or control a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def json_formatter() -> logging.Formatter:
    """The formatter for production: `time`, `level`, `logger`, `service`, `requestId`, `message` and the extras."""
    return JsonFormatter(
        ["levelname", "name", "service", "requestId", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )
