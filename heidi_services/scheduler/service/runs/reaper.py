"""Detect runs that no worker attends to: their wake-up message was lost, or their worker is gone."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Select, exists, func, literal, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import jobs
from heidi_services.scheduler.actions import emitting_actions
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.runs.request_replies import HAS_REPLY
from heidi_services.scheduler.service.runs.run_results import retry_or_fail

log = logging.getLogger(__name__)
BATCH_SIZE = 200
SPREAD = literal(timedelta(seconds=10), Interval)
"""The runs of a batch whose worker was killed are executed within this time, at random: one of them may kill its next
worker too, and then few others must be under way."""
EXPIRED_ERROR = "The run did not end within its time limit, or its worker stopped."


def overdue_runs(limit: int) -> list[UUID]:
    """Return the IDs of due runs without a wake-up message under way, and mark them as hinted.

    Those whose action waits for a server outside of the platform are left to `overdue_outbound_runs`.
    """
    return jobs.collect_overdue(ScheduleRun, ~_waits_for_external_servers(), open_status=RunStatus.QUEUED, limit=limit)


def overdue_outbound_runs(limit: int) -> list[UUID]:
    """As `overdue_runs`, for runs whose action waits for a server outside of the platform."""
    return jobs.collect_overdue(ScheduleRun, _waits_for_external_servers(), open_status=RunStatus.QUEUED, limit=limit)


def _waits_for_external_servers() -> ColumnElement[bool]:
    is_outbound = Schedule.action.not_in(emitting_actions())
    return exists().where(Schedule.id == ScheduleRun.schedule_id, is_outbound)


def reap_expired() -> None:
    """End attempts whose lease has expired. The run is retried while it has attempts left.

    A run whose reply has arrived is left to `request_replies`.
    """
    _release_batches()
    expired = db.session.execute(_expired(ScheduleRun.id, ScheduleRun.attempts).where(ScheduleRun.attempts > 0)).all()
    db.session.rollback()
    for run_id, attempt in expired:
        _end_expired(run_id, attempt)


def _end_expired(run_id: UUID, attempt: int) -> None:
    """End one attempt. If that fails, the other attempts must be ended nevertheless."""
    try:
        retry_or_fail(run_id, attempt, RunStatus.TIMED_OUT, EXPIRED_ERROR, retry=True)
    except Exception:
        db.session.rollback()
        log.exception("an expired run could not be ended", extra={"run_id": str(run_id)})


def _expired(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .where(
            ScheduleRun.status == RunStatus.RUNNING, ScheduleRun.locked_until < func.now(), ~exists().where(HAS_REPLY)
        )
        .order_by(ScheduleRun.locked_until)
        .limit(BATCH_SIZE)
    )


def _release_batches() -> None:
    """Queue runs again whose batch has not ended: they keep all their attempts. With an error, each is claimed singly.

    Rows that a worker is just recording are locked, and skipped.
    """
    unfinished = _expired(ScheduleRun.id).where(ScheduleRun.attempts == 0)
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id.in_(unfinished.with_for_update(of=ScheduleRun, skip_locked=True).scalar_subquery()))
        .values(status=RunStatus.QUEUED, error=EXPIRED_ERROR, next_attempt_at=func.now() + func.random() * SPREAD)
        .values(hinted_until=func.now())
        .values(locked_until=None, version=ScheduleRun.version + 1)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        db.session.execute(statement)
