"""Retention of the history of runs and of monitors."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func

from heidi_common.database.retention import delete_in_batches
from heidi_services.scheduler.models import MonitorPing, MonitorTransition, ScheduleRun

RETENTION = timedelta(days=90)


def delete_expired() -> bool:
    """Delete a part of what is older than 90 days: runs since their end, pings and changes of status.

    Runs that have not ended are kept.

    Returns:
        Whether some rows are left.
    """
    before = func.now() - RETENTION
    ages: tuple[tuple[Any, Any], ...] = (
        (ScheduleRun, ScheduleRun.finished_at),
        (MonitorPing, MonitorPing.received_at),
        (MonitorTransition, MonitorTransition.changed_at),
    )
    return any(delete_in_batches(model, age, before) for model, age in ages)
