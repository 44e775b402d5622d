"""JSON lines on stderr, and a short way for lines that are written for each request."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from heidi_common.logger.formatters import ContextFilter, json_formatter
from heidi_common.logger.request_id import request_id
from heidi_common.tracing.spans import is_on, trace_id


class JsonLineHandler(logging.StreamHandler[Any]):
    """Writes each record as a line of JSON to stderr.

    Args:
        service: The service or process in every line.
    """

    def __init__(self, service: str) -> None:
        super().__init__(sys.stderr)
        self._service = service
        self.addFilter(ContextFilter(service))
        self.setFormatter(json_formatter())
        self._formatter, self._filters = self.formatter, tuple(self.filters)
        self._descriptor = _descriptor(self.stream)

    def can_write_directly(self) -> bool:
        """Whether `write` has the effect of a record: the stream is a file, and the handler is as it was created."""
        is_unchanged = self.formatter is self._formatter and tuple(self.filters) == self._filters and not self.level
        return is_unchanged and self._descriptor is not None

    def write(self, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        """Write the line that `formatters.json_formatter` formats for a record at level INFO, without the record."""
        line: dict[str, Any] = {"level": "INFO", "logger": logger, "service": self._service, "requestId": request_id()}
        if is_on():
            line["traceId"] = trace_id()
        line |= {"message": message, **fields, "time": datetime.now(UTC)}
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        while data:  # a single call, unless the reader of a pipe is slow
            assert self._descriptor is not None
            data = data[os.write(self._descriptor, data) :]


def log_fields(logger: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
    """Log at level INFO, as `logger.info(message, extra=fields)` does, but in a fifth of its time.

    The record is left out if nothing but a `JsonLineHandler` would see it.

    Args:
        logger: The logger.
        message: The message.
        fields: The extras. Their values are text, numbers and None.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    handler = _only_handler(logger)
    if handler is None:
        logger.info(message, extra=fields)
    else:
        handler.write(logger.name, message, fields)


def _only_handler(logger: logging.Logger) -> JsonLineHandler | None:
    """The root logger's handler if no other handler or filter could see a record of this logger."""
    handlers = logger.root.handlers
    is_only = len(handlers) == 1 and not (logger.handlers or logger.filters) and logger.parent is logger.root
    handler = handlers[0] if is_only and logger.propagate else None
    return handler if isinstance(handler, JsonLineHandler) and handler.can_write_directly() else None


def _descriptor(stream: Any) -> int | None:
    """The file descriptor of a stream; None if it is not a file."""
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
