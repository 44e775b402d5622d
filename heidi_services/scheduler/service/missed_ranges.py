"""Ranges of missed slots: take slots out of them that run after all, or that have not come yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_services.scheduler.cron.occurrences import MICROSECOND
from heidi_services.scheduler.enums import RunStatus, Trigger
from heidi_services.scheduler.misfire import DueSlots, MissedSlots, next_slot
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.runs.run_creation import RunFactory
from heidi_services.scheduler.service.runs.run_storage import insert_runs


def take_from_missed(schedule: Schedule, start: datetime, end: datetime) -> None:
    """Take the slots of a period out of the ranges that contain some of them. What remains of a range stays MISSED.

    Args:
        schedule: The schedule, whose row the caller has locked.
        start: First instant of the period (inclusive).
        end: Last instant of the period (inclusive).
    """
    first = func.coalesce(ScheduleRun.missed_from, ScheduleRun.scheduled_for)
    in_period = (first <= end) & (ScheduleRun.scheduled_for >= start)
    of_schedule = (ScheduleRun.schedule_id == schedule.id) & (ScheduleRun.status == RunStatus.MISSED)
    ranges = list(
        db.session.scalars(select(ScheduleRun).where(of_schedule, in_period, first < ScheduleRun.scheduled_for))
    )
    remaining = [part for run in ranges for part in _outside(schedule, run, start, end)]
    deletion = delete(ScheduleRun).where(ScheduleRun.id.in_([run.id for run in ranges]))
    db.session.execute(deletion.execution_options(synchronize_session=False))
    for run in ranges:
        db.session.expunge(run)
    factory = RunFactory(schedule, Trigger.CRON, utcnow())
    insert_runs([factory.create_missed(part) for part in remaining])


def keep_missed_before(schedule: Schedule, now: datetime) -> None:
    """Cut ranges that reach into the future."""
    take_from_missed(schedule, now + MICROSECOND, datetime.max.replace(tzinfo=now.tzinfo))


def _outside(schedule: Schedule, run: ScheduleRun, start: datetime, end: datetime) -> list[MissedSlots]:
    """What remains of a range before and after a period."""
    assert run.missed_from is not None
    slots = DueSlots(schedule, run.missed_from, run.scheduled_for)
    parts = [slots.missed_before(start)]
    if end < run.scheduled_for and (first := next_slot(schedule, end, None)) is not None:
        parts.append(DueSlots(schedule, first, run.scheduled_for).missed_before(run.scheduled_for + MICROSECOND))
    return [part for part in parts if part is not None]
