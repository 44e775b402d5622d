"""TimeoutInterceptor: the deadline of each request.

After the deadline no further SQL statement starts (`heidi_common/database/session.py`). Outgoing calls have their own
timeouts.
"""

from __future__ import annotations

import time

from flask import Flask

from heidi_common.config.settings import Settings
from heidi_common.runtime import current_state


def init_timeout(app: Flask, settings: Settings) -> None:
    """Set `g.deadline` (seconds of `time.monotonic()`) to the start of the request plus REQUEST_TIME_LIMIT."""

    def set_deadline() -> None:
        current_state().deadline = time.monotonic() + settings.request_time_limit

    app.before_request(set_deadline)


def exempt_request() -> None:
    """Let the current request take any time, because it receives a body that may be large.

    Single statements still have the time limit.
    """
    current_state().deadline = float("inf")
