"""Structured logging: JSON in production, coloured text on a terminal; every line knows its service and request id."""

from __future__ import annotations

import logging
import sys

from heidi_common.logger.formatters import ConsoleFormatter, ContextFilter, json_formatter


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Send everything to stderr, once, in the given format (`json` or `console`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(ContextFilter(service))
    handler.setFormatter(ConsoleFormatter() if log_format == "console" else json_formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "werkzeug", "asyncio", "mail.log", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # pika says each broken connection several times over; whoever uses it says it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
