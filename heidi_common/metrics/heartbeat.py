"""Heartbeats of the relay, the clock and the workers, so that a process that hangs is detected and restarted.

Each process touches a file and, if the database is available, updates its row in `heartbeats`. It does so from the loop
that does the work, so that a loop which hangs stops beating. `python -m workers.heartbeat ROLE` checks them.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.server.heartbeat_files import own_file

log = logging.getLogger(__name__)
FILE_SECONDS, ROW_SECONDS = 2.0, 10.0
"""A process touches its file and updates its row at most this often."""
KEPT = timedelta(days=1)


class Heartbeat(Base):
    """The last heartbeat of a background process."""

    __tablename__ = "heartbeats"

    role: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(primary_key=True)
    process_id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    threads: Mapped[int | None]
    busy: Mapped[dict[str, Any] | None]
    """Of workers: queue -> number of threads that process a message of it."""
    saturated_seconds: Mapped[float | None]
    """Of workers: for how long no thread had been free at this heartbeat."""


class Pulse:
    """The heartbeat of this process.

    Args:
        role: One of ROLES.
        folder: For the files of all background processes of this machine.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, role: str, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.role, self.clock = role, clock
        self.file = own_file(role, folder)
        self._file_at = self._row_at = float("-inf")

    def beat(self, **load: Any) -> None:
        """Touch the file and update the row, each if it is due. Needs an app context; never raises.

        Args:
            load: Further columns of the row.
        """
        now = self.clock()
        if now - self._file_at >= FILE_SECONDS:
            self._file_at = now
            self._attempt(self.file.touch)
        if now - self._row_at >= ROW_SECONDS:
            self._row_at = now
            self._attempt(partial(self._update_row, load))

    def end(self) -> None:
        """Remove the file, when the process ends as it should."""
        self.file.unlink(missing_ok=True)

    def _attempt(self, action: Callable[[], None]) -> None:
        """The disk can be full, or the database unavailable: the process works on if it can."""
        try:
            action()
        except Exception as error:
            log.warning("the heartbeat could not be stored", extra={"role": self.role, "error": repr(error)[:300]})

    def _update_row(self, load: Mapping[str, Any]) -> None:
        key = {"role": self.role, "host": socket.gethostname(), "process_id": os.getpid()}
        beat = {"beat_at": func.now(), **load}
        statement = insert(Heartbeat).values(key | {"started_at": func.now()} | beat)
        with transaction():
            db.session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=beat))


def read_ages(connection: Connection) -> dict[str, float]:
    """Role -> seconds since the last heartbeat of any of its processes. A role that never ran is missing."""
    age = func.extract("epoch", func.now() - func.max(Heartbeat.beat_at))
    rows = connection.execute(select(Heartbeat.role, age.label("age")).group_by(Heartbeat.role))
    return {row.role: float(row.age) for row in rows}


def delete_old() -> None:
    """Delete the rows of processes that ended long ago."""
    with transaction():
        db.session.execute(delete(Heartbeat).where(Heartbeat.beat_at < func.now() - KEPT))
