"""How the relay and the clock live: round after round, through every outage, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
LONGEST_PAUSE = 10.0


def forever(name: str, round: Callable[[], None], *, pause: float = 0.0) -> None:
    """Run `round` until SIGTERM or SIGINT; a failed round is logged once, then tried again with growing pauses."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("started", extra={"role": name})
    failures = 0
    while not stop.is_set():
        try:
            round()
        except Exception as error:
            failures += 1
            log.warning("round failed", extra={"role": name, "error": repr(error)[:300]}, exc_info=failures == 1)
            stop.wait(min(0.5 * 2**failures, LONGEST_PAUSE))
        else:
            failures = 0
            stop.wait(pause)
    log.info("stopped", extra={"role": name})
