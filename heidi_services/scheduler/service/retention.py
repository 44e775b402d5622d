"""Forgetting old runs."""

from datetime import timedelta

from sqlalchemy import func

from heidi_common.database.transactions import delete_in_batches
from heidi_services.scheduler.models import ScheduleRun

KEEP = timedelta(days=90)


def prune() -> None:
    """Delete runs that ended long ago."""
    delete_in_batches(ScheduleRun, ScheduleRun.finished_at < func.now() - KEEP)
