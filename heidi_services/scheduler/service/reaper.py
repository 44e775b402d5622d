"""Detect runs that no worker attends to: their wake-up message was lost, or their worker is gone."""

from uuid import UUID

from sqlalchemy import exists, func, select

from heidi_common.database.session import db
from heidi_common.messaging import jobs
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.request_replies import HAS_REPLY
from heidi_services.scheduler.service.run_results import retry_or_fail

BATCH_SIZE = 200
EXPIRED_ERROR = "The run did not end within its time limit, or its worker stopped."


def overdue_runs(limit: int) -> list[UUID]:
    """Return the IDs of due runs without a wake-up message under way, and mark them as hinted."""
    return jobs.collect_overdue(ScheduleRun, open_status=RunStatus.QUEUED, limit=limit)


def reap_expired() -> None:
    """End attempts whose lease has expired. The run is retried while it has attempts left.

    A run whose reply has arrived is left to `request_replies`.
    """
    statement = (
        select(ScheduleRun.id, ScheduleRun.attempts)
        .where(
            ScheduleRun.status == RunStatus.RUNNING, ScheduleRun.locked_until < func.now(), ~exists().where(HAS_REPLY)
        )
        .order_by(ScheduleRun.locked_until)
        .limit(BATCH_SIZE)
    )
    expired = db.session.execute(statement).all()
    db.session.rollback()
    for run_id, attempt in expired:
        retry_or_fail(run_id, attempt, RunStatus.TIMED_OUT, EXPIRED_ERROR, retry=True)
