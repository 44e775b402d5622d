"""Logging from the first line of a process on, before its settings have been read."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from heidi_common.config.declaration import ConfigError, read_one
from heidi_common.config.sections.platform import Logging
from heidi_common.config.sections.processes import environment
from heidi_common.logger.setup import configure_logging

log = logging.getLogger("heidi.process")


def start_logging(service: str) -> None:
    """Log all that the process reports from now on, uncaught exceptions and warnings included.

    Args:
        service: The service or process in every line.
    """
    configure_logging(service, logging_setting("log_level"), logging_setting("log_format"))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def log_error(error: BaseException) -> None:
    """Log why the process ends: a wrong configuration in its own words, anything else with its traceback.

    Args:
        error: The exception.
    """
    if isinstance(error, ConfigError):
        log.critical(str(error))
    else:
        log.critical("uncaught exception", exc_info=error)


def logging_setting(name: str) -> str:
    """Read a setting of logging.

    Args:
        name: `log_level` or `log_format`.

    Returns:
        Its value, or its default if it is invalid: the process reports that when it reads all settings.
    """
    try:
        return str(read_one(Logging, name, environment()))
    except ConfigError:
        return str(read_one(Logging, name))


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.__excepthook__(kind, error or kind(), trace)
    else:
        log_error(error)
