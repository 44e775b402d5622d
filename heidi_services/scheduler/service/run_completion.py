"""What follows from the end of a run: the schedule's last run, the run that waits for it, and `schedule.completed`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.messaging import outbox
from heidi_common.messaging.events import ScheduleCompleted
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.derived_ids import derived_id
from heidi_services.scheduler.service.overlap_policy import may_overlap


def complete(schedule: Schedule, run: Any, status: RunStatus) -> None:
    """Apply the consequences of a run's end, in the transaction that ends it.

    Args:
        schedule: The run's schedule; its row is locked.
        run: The row of the run, after its end.
        status: The run's final status.
    """
    _update_last_run(schedule.id, run.started_at, status)
    if not may_overlap(schedule.overlap_policy):
        _make_next_due(schedule.id)
    event = ScheduleCompleted(id=run.id, schedule_id=schedule.id, status=status)
    outbox.emit(event, event_id=derived_id(run.id, "completed", at=run.scheduled_for))


def _update_last_run(schedule_id: UUID, started_at: datetime, status: RunStatus) -> None:
    db.session.execute(
        update(Schedule)
        .where(Schedule.id == schedule_id)
        .values(
            last_run=started_at,
            last_run_status=status,
            run_count=Schedule.run_count + 1,
            version=Schedule.version + 1,
            updated_at=Schedule.updated_at,  # the time of the last edit: a run does not change it
        )
        .execution_options(synchronize_session=False)
    )


def _make_next_due(schedule_id: UUID) -> None:
    """Make the oldest queued run due. The clock sends its wake-up message."""
    next_queued = (
        select(ScheduleRun.id)
        .where(ScheduleRun.schedule_id == schedule_id, ScheduleRun.status == RunStatus.QUEUED)
        .where(ScheduleRun.next_attempt_at > func.now(), ScheduleRun.attempts == 0)
        .order_by(ScheduleRun.scheduled_for)
        .limit(1)
        .scalar_subquery()
    )
    db.session.execute(
        update(ScheduleRun)
        .where(ScheduleRun.id == next_queued)
        .values(next_attempt_at=func.now(), hinted_until=func.now())
        .execution_options(synchronize_session=False)
    )
