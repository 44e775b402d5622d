"""Overdue monitors: the clock changes the status of those whose pings are missing. Any number of clocks may do it."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.models import Monitor
from heidi_services.scheduler.service.clock_guard import clock_guard
from heidi_services.scheduler.service.monitors.states import apply_time
from heidi_services.scheduler.service.monitors.status_changes import store_change
from heidi_services.scheduler.service.queries import database_now

BATCH_SIZE = 100
MAX_SECONDS = 1.0
"""The clock has other tasks, too. After a downtime, the longest overdue monitors come first."""


def detect_overdue() -> None:
    """Change the monitors that are due. Nothing is changed while the time is in doubt, see `clock_guard`."""
    if clock_guard().reason_to_hold() is not None:
        return
    end = time.monotonic() + MAX_SECONDS
    while _check_batch() == BATCH_SIZE and time.monotonic() < end:
        pass


def _check_batch() -> int:
    statement = (
        select(Monitor)
        .where(Monitor.due_at <= func.now())
        .order_by(Monitor.due_at)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    with transaction():
        monitors = db.session.scalars(statement).all()
        now = database_now()
        for monitor in monitors:
            previous = monitor.status
            store_change(monitor, previous, apply_time(monitor, now), now)
    return len(monitors)
