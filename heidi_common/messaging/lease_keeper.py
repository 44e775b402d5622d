"""Keeps the leases of rows whose work waits long for another system, such as a mail server or a virus scanner.

With it a lease is short, so that the work of a killed process is soon repeated, although the work may take long.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app

EXTEND_AFTER_SECONDS = 15.0
"""How often leases are extended. They last four times as long, so that a failed extension can be repeated."""
log = logging.getLogger(__name__)


class _Lease(NamedTuple):
    row_id: UUID
    extend: Callable[[], object]


class LeaseKeeper:
    """Extends the registered leases every 15 s, from one thread per process.

    The thread ends after 15 s in which no lease was registered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[int, _Lease] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeps(self, row_id: UUID, extend: Callable[[], object], app: Flask) -> Iterator[None]:
        """Extend a lease during the block, which costs nothing if it ends before the next round."""
        lease = _Lease(row_id, extend)
        with self._lock:
            self._leases[id(lease)] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(app,), name="lease-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._leases.pop(id(lease), None)

    def _run(self, app: Flask) -> None:
        pause = threading.Event()
        known: set[int] = set()
        while True:
            pause.wait(EXTEND_AFTER_SECONDS)
            with self._lock:
                if not self._leases:
                    self._thread = None
                    return
                leases = [lease for key, lease in self._leases.items() if key in known]
                known = set(self._leases)
            self._extend_all(leases, app)

    def _extend_all(self, leases: list[_Lease], app: Flask) -> None:
        """A failure is not final: the next round is long before the lease ends."""
        for lease in leases:
            try:
                with app.app_context():
                    lease.extend()
            except SQLAlchemyError as error:
                log.warning(
                    "the lease of a row was not extended", extra={"row": str(lease.row_id), "error": str(error)[:200]}
                )


@per_app
def _keeper(_settings: Settings) -> LeaseKeeper:
    return LeaseKeeper()


@contextmanager
def kept_lease(row_id: UUID, extend: Callable[[], object]) -> Iterator[None]:
    """Keep the lease of a row during the block.

    Args:
        row_id: The row, for the log.
        extend: Extends its lease, in a separate transaction. It is called in another thread, in an app context.
    """
    with _keeper().keeps(row_id, extend, current_app._get_current_object()):  # type: ignore[attr-defined]
        yield
