"""How many runs that wait for servers outside of the platform one host, user or schedule may have in a worker process.

The queue of these runs occupies some threads of each process. Without a limit, one slow host would occupy all of them,
and delay the runs of other users.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app
from heidi_services.scheduler.service.runs.run_claim import DueRun

MOST_AT_A_TIME = 2
"""A process with eight threads gives three to these runs: one remains for the runs of others."""

Key = tuple[str, str]


class OutboundSlots:
    """Counts the runs in progress in this process. It is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_progress: Counter[Key] = Counter()

    @contextmanager
    def hold(self, keys: set[Key]) -> Iterator[bool]:
        """Count one more run for each key during the block, unless one of them has reached the limit.

        Args:
            keys: What the run belongs to.

        Yields:
            Whether the run is counted and may be executed.
        """
        with self._lock:
            is_free = all(self._in_progress[key] < MOST_AT_A_TIME for key in keys)
            if is_free:
                self._in_progress.update(keys)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._in_progress.subtract(keys)
                    self._in_progress += Counter()  # removes keys without runs


@per_app
def outbound_slots(_settings: Settings) -> OutboundSlots:
    """The slots of this process."""
    return OutboundSlots()


def keys_of(run: DueRun) -> set[Key]:
    """What limits a run: its host, its schedule and the schedule's creator."""
    return {("host", _host(run.payload)), ("schedule", str(run.schedule_id)), ("user", str(run.created_by))}


def _host(payload: str) -> str:
    """The host of the URL; empty if the payload has none, or cannot be read: then the action fails anyway."""
    try:
        return urlsplit(json.loads(payload)["url"]).hostname or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
