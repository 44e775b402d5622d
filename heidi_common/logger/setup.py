"""Set up structured logging for a process."""

from __future__ import annotations

import logging
import sys

from heidi_common.logger.formatters import ConsoleFormatter, ContextFilter
from heidi_common.logger.json_lines import JsonLineHandler


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Write all log records to stderr, each with the service and the request ID. A repeated call replaces the first.

    Args:
        service: The service or process in every line.
        level: The minimum level: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
        log_format: `json`, or `console` for colored text.
    """
    root = logging.getLogger()
    root.handlers[:] = [_console_handler(service) if log_format == "console" else JsonLineHandler(service)]
    root.setLevel(level)
    for noisy in ("urllib3", "werkzeug", "asyncio", "mail.log", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # pika logs each broken connection several times; its callers in this codebase log it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def _console_handler(service: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(ContextFilter(service))
    handler.setFormatter(ConsoleFormatter())
    return handler
