"""Keeps the leases of notifications whose provider takes long to respond."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app
from heidi_services.notification.service.delivery.claim import LEASE, ClaimedNotification, extend_lease

EXTEND_AFTER_SECONDS = LEASE.total_seconds() / 4
log = logging.getLogger(__name__)


class LeaseKeeper:
    """Extends the leases of the registered notifications every 15 s, from one thread per process.

    The thread ends after 15 s in which no notification was registered.
    """

    def __init__(self, extend: Callable[[ClaimedNotification], object] = extend_lease) -> None:
        self._extend, self._lock = extend, threading.Lock()
        self._jobs: dict[int, ClaimedNotification] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeps(self, job: ClaimedNotification, app: Flask) -> Iterator[None]:
        """Extend the lease of a notification during the block, which costs nothing if it ends before the next round."""
        with self._lock:
            self._jobs[id(job)] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(app,), name="lease-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._jobs.pop(id(job), None)

    def _run(self, app: Flask) -> None:
        pause = threading.Event()
        known: set[int] = set()
        while True:
            pause.wait(EXTEND_AFTER_SECONDS)
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                jobs = [job for key, job in self._jobs.items() if key in known]
                known = set(self._jobs)
            self._extend_all(jobs, app)

    def _extend_all(self, jobs: list[ClaimedNotification], app: Flask) -> None:
        """A failure is not final: the next round is long before the lease ends."""
        for job in jobs:
            try:
                with app.app_context():
                    self._extend(job)
            except SQLAlchemyError as error:
                log.warning(
                    "the lease of a notification was not extended",
                    extra={"notification": str(job.id), "error": str(error)[:200]},
                )


@per_app
def _keeper(_settings: Settings) -> LeaseKeeper:
    return LeaseKeeper()


@contextmanager
def kept_lease(job: ClaimedNotification) -> Iterator[None]:
    """Keep the lease of a notification while a provider is called."""
    with _keeper().keeps(job, current_app._get_current_object()):  # type: ignore[attr-defined]
        yield
