"""Retention of the run history."""

from datetime import timedelta

from sqlalchemy import func

from heidi_common.database.transactions import delete_in_batches
from heidi_services.scheduler.models import ScheduleRun

RETENTION = timedelta(days=90)


def delete_expired() -> None:
    """Delete runs that ended more than 90 days ago. Runs that have not ended are kept."""
    delete_in_batches(ScheduleRun, ScheduleRun.finished_at < func.now() - RETENTION)
