"""Structured logging: JSON in production, coloured text on a terminal; every line knows its service and request id."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")  # as the router has it
_DETAIL = re.compile(r"^DETAIL: .*$", re.MULTILINE)
_COLOURS = {"DEBUG": 36, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "service", "requestId"}


def request_id() -> str | None:
    """The id of the request (or of the message that it caused) that is being served, if any."""
    return _request_id.get()


@contextmanager
def bound_request_id(value: str | None) -> Iterator[str]:
    """Everything inside belongs to this request; an id that is not sane is replaced by a new one."""
    found = value if value and _SANE.match(value) else secrets.token_hex(16)
    token = _request_id.set(found)
    try:
        yield found
    finally:
        _request_id.reset(token)


class _Context(logging.Filter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def filter(self, record: logging.LogRecord) -> bool:
        record.service = self.service
        record.requestId = _request_id.get()
        return True


class _Console(logging.Formatter):
    """`12:00:01 INFO  auth  request  method=GET path=/x` with control characters made visible."""

    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _PLAIN)
        level = f"\x1b[{_COLOURS.get(record.levelname, 0)}m{record.levelname:<7}\x1b[0m"
        service, text = getattr(record, "service", "-"), _visible(f"{record.getMessage()}  {extras}".rstrip())
        line = f"{self.formatTime(record, '%H:%M:%S')} {level} {service}  {text}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def formatException(self, ei: Any) -> str:
        return _discreet(super().formatException(ei))


class _Json(OrjsonFormatter):
    def formatException(self, ei: Any) -> str:
        return _discreet(str(super().formatException(ei)))


def _discreet(traceback: str) -> str:
    """PostgreSQL names the values that it refuses (`Key (email)=(...) already exists`)."""
    return _DETAIL.sub("DETAIL:  [left out]", traceback)


def _visible(text: str) -> str:
    """A line stays a line: CR, LF and other control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Send everything to stderr, once, in the given format (`json` or `console`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Context(service))
    handler.setFormatter(_Console() if log_format == "console" else _json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "werkzeug", "asyncio", "mail.log", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # pika says each broken connection several times over; whoever uses it says it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def _json() -> logging.Formatter:
    return _Json(
        ["levelname", "name", "service", "requestId", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )
