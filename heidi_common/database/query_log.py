"""Logs SQL statements with their duration, in development at LOG_LEVEL=DEBUG.

It works in the driver, so that it sees every statement, whether SQLAlchemy or a `CompiledStatement` sends it.
Parameters are not logged, because they contain personal data.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from psycopg2.extensions import cursor

from heidi_common.config.settings import Settings
from heidi_common.database.traced_connection import TracedConnection
from heidi_common.tracing import spans

log = logging.getLogger("heidi.sql")


class LoggingConnection(TracedConnection):
    """A psycopg2 connection whose cursors log what they execute."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Open a cursor of the requested class, extended by logging."""
        kwargs["cursor_factory"] = _logging_cursor(kwargs.get("cursor_factory") or cursor)
        return super().cursor(*args, **kwargs)


def driver_options(settings: Settings) -> dict[str, Any]:
    """The options of `psycopg2.connect` that trace statements, and log them in development at LOG_LEVEL=DEBUG."""
    if settings.environment == "development" and settings.log_level == "DEBUG":
        return {"connection_factory": LoggingConnection}
    return {"connection_factory": TracedConnection} if spans.is_on() else {}


@cache
def _logging_cursor(base: Any) -> Any:
    def execute(self: Any, query: Any, parameters: Any = None) -> None:
        started_at = time.perf_counter()
        try:
            base.execute(self, query, parameters)
        finally:
            _log_statement(query, time.perf_counter() - started_at, self.rowcount)

    return type(f"Logging{base.__name__}", (base,), {"execute": execute})


def _log_statement(query: Any, seconds: float, rows: int) -> None:
    text = query.decode() if isinstance(query, bytes) else str(query)
    fields = {"sql": " ".join(text.split()), "durationMs": round(seconds * 1000, 2), "rows": rows}
    log.debug("statement", extra=fields)
