"""Runs that nobody looks after: not hinted at, or with a worker that is gone."""

from uuid import UUID

from sqlalchemy import exists, func, select

from heidi_common.database.session import db
from heidi_common.messaging import jobs
from heidi_services.scheduler.enums import Status
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.request_replies import ANSWER
from heidi_services.scheduler.service.run_results import give_up

BATCH = 200
GONE = "It did not end within its time limit, or its worker is gone."


def overdue(limit: int) -> list[UUID]:
    """Runs that are due with no message under way, stamped as told."""
    return jobs.collect_overdue(ScheduleRun, open_status=Status.QUEUED, limit=limit)


def reap() -> None:
    """End the attempts that are beyond their time limit; they are tried again while attempts are left.

    One whose answer is there waits for nothing but to be concluded.
    """
    statement = (
        select(ScheduleRun.id, ScheduleRun.attempts)
        .where(ScheduleRun.status == Status.RUNNING, ScheduleRun.locked_until < func.now(), ~exists().where(ANSWER))
        .order_by(ScheduleRun.locked_until)
        .limit(BATCH)
    )
    found = db.session.execute(statement).all()
    db.session.rollback()
    for run_id, attempt in found:
        give_up(run_id, attempt, Status.TIMED_OUT, GONE, retry=True)
