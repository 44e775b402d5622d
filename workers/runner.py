"""The main loop of the relay and the clock: it survives outages and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
MAX_PAUSE_SECONDS = 10.0


def run_until_stopped(
    name: str, tick: Callable[[], None], *, pause: float = 0.0, beat: Callable[[], None] = lambda: None
) -> None:
    """Call `tick` repeatedly until SIGTERM or SIGINT.

    After a failure the next call waits 1 to 10 seconds, longer after each consecutive failure. Only the first of
    consecutive failures is logged with its traceback.

    Args:
        name: Name of the process in log lines.
        tick: One round of work.
        pause: Seconds between two successful rounds.
        beat: Called before each round, also after failures: the process is alive, although it cannot work.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("started", extra={"role": name})
    failures = 0
    while not stop.is_set():
        beat()
        try:
            tick()
        except Exception as error:
            failures += 1
            log.warning("iteration failed", extra={"role": name, "error": repr(error)[:300]}, exc_info=failures == 1)
            stop.wait(min(0.5 * 2**failures, MAX_PAUSE_SECONDS))
        else:
            failures = 0
            stop.wait(pause)
    log.info("stopped", extra={"role": name})
