"""gunicorn's own messages in the format of all others."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from heidi_common.config.declaration import ConfigError
from heidi_common.startup.process_log import log_error


class PlatformLogger(Logger):  # type: ignore[misc]
    """Passes what gunicorn logs to the handlers of the platform."""

    error_log: logging.Logger

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.error_log.propagate = True
        self.error_log.addFilter(_with_pid)

    def _set_handler(self, *_args: Any, **_kwargs: Any) -> None:
        """Add no handler: that of the root logger is used."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an exception. A wrong configuration needs no traceback, and ends the worker before it is printed as text.

        Raises:
            SystemExit: The configuration is wrong. The code tells the master that no worker can be started.
        """
        error = sys.exc_info()[1]
        if isinstance(error, ConfigError):
            log_error(error)
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR)
        super().exception(msg, *args, **kwargs)


def _with_pid(record: logging.LogRecord) -> bool:
    record.pid = os.getpid()
    return True
