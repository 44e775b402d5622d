"""Forgetting old runs."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from heidi_common.db import db, transaction
from heidi_services.scheduler.models import ScheduleRun

KEEP = timedelta(days=90)
BATCH = 5000


def prune() -> None:
    """Delete runs that ended long ago, a bounded number at a time."""
    old = select(ScheduleRun.id).where(ScheduleRun.finished_at < func.now() - KEEP).limit(BATCH)
    with transaction():
        db.session.execute(delete(ScheduleRun).where(ScheduleRun.id.in_(old.scalar_subquery())))
