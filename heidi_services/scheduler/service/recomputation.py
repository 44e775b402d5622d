"""Compute the next runs of all schedules again after a clock was wrong, and remove records of the future."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.misfire import next_slot
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.missed_ranges import keep_missed_before
from heidi_services.scheduler.service.next_runs import UNCOMPUTABLE, set_next_run
from heidi_services.scheduler.service.queries import database_now

BATCH_SIZE = 200


@dataclass
class Recomputation:
    """What was done.

    Attributes:
        schedules: How many enabled schedules there are.
        changed: How many of them have another next run now.
        removed: How many records of slots in the future were removed.
        uncomputable: The schedules whose next run cannot be computed. They are unchanged.
    """

    schedules: int = 0
    changed: int = 0
    removed: int = 0
    uncomputable: list[UUID] = field(default_factory=list)


def recompute_next_runs() -> Recomputation:
    """Set the next run of every enabled schedule to its first slot from now on. What is due already stays due.

    Records of slots in the future that did not run (MISSED or SKIPPED) are removed, so that these slots run. A slot
    that has run does not run again.
    """
    result, last_id = Recomputation(), UUID(int=0)
    while schedule_ids := _ids_after(last_id):
        with transaction():
            for schedule_id in schedule_ids:
                _recompute(schedule_id, result)
        last_id = schedule_ids[-1]
    return result


def _ids_after(last_id: UUID) -> list[UUID]:
    statement = select(Schedule.id).where(Schedule.is_enabled, Schedule.id > last_id).order_by(Schedule.id)
    ids = list(db.session.scalars(statement.limit(BATCH_SIZE)))
    db.session.rollback()
    return ids


def _recompute(schedule_id: UUID, result: Recomputation) -> None:
    schedule = db.session.get(Schedule, schedule_id, populate_existing=True, with_for_update=True)
    if schedule is None or not schedule.is_enabled:
        return
    now = database_now()
    result.schedules += 1
    try:
        following = next_slot(schedule, now, schedule.start_at)
        result.removed += _remove_future(schedule, now)
    except UNCOMPUTABLE:
        result.uncomputable.append(schedule_id)
        return
    is_due = schedule.next_run is not None and schedule.next_run <= now
    if not is_due and following != schedule.next_run:
        set_next_run(schedule, following)
        result.changed += 1


def _remove_future(schedule: Schedule, now: datetime) -> int:
    keep_missed_before(schedule, now)
    statement = delete(ScheduleRun).where(
        ScheduleRun.schedule_id == schedule.id,
        ScheduleRun.scheduled_for > now,
        ScheduleRun.status.in_((RunStatus.MISSED, RunStatus.SKIPPED)),
    )
    deletion = statement.returning(ScheduleRun.id).execution_options(synchronize_session=False)
    return len(list(db.session.scalars(deletion)))
