"""Retention of the run history."""

from datetime import timedelta

from sqlalchemy import func

from heidi_common.database.retention import delete_in_batches
from heidi_services.scheduler.models import ScheduleRun

RETENTION = timedelta(days=90)


def delete_expired() -> bool:
    """Delete a part of the runs that ended more than 90 days ago; returns whether some are left.

    Runs that have not ended are kept.
    """
    return delete_in_batches(ScheduleRun, ScheduleRun.finished_at, func.now() - RETENTION)
