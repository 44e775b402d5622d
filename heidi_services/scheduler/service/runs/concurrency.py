"""Concurrency limits: how many runs of a schedule, or of all schedules with the same key, have not ended.

The limit itself is enforced when a worker claims a run (`run_claim`). These functions decide what becomes of new runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import aliased

from heidi_common.database.session import db
from heidi_services.scheduler.enums import OPEN_STATUSES, ConcurrencyPolicy, RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun

REPLACED_ERROR = "A newer run has replaced this one."


def count_in_groups(schedules: Iterable[Any]) -> dict[UUID, int]:
    """Count the runs that have not ended, for each schedule (or row) with a limit."""
    return {
        schedule.id: db.session.scalar(select(func.count()).select_from(_open_of(schedule).subquery())) or 0
        for schedule in schedules
        if schedule.concurrency_limit is not None
    }


def make_room(schedules: Iterable[Any]) -> None:
    """Cancel the oldest runs of schedules with the policy REPLACE, so that each can start a new run."""
    for schedule in schedules:
        if schedule.concurrency_limit is not None and schedule.concurrency_policy == ConcurrencyPolicy.REPLACE:
            _cancel_all_but(schedule, schedule.concurrency_limit - 1)


def _cancel_all_but(schedule: Any, newest: int) -> None:
    remaining = _open_of(schedule).order_by(ScheduleRun.created_at.desc(), ScheduleRun.id.desc()).offset(newest)
    is_queued = ScheduleRun.status == RunStatus.QUEUED
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id.in_(remaining.scalar_subquery()))
        .values(
            status=case((is_queued, RunStatus.CANCELLED.value), else_=ScheduleRun.status),
            finished_at=case((is_queued, func.now()), else_=None),
            error=case((is_queued, REPLACED_ERROR), else_=ScheduleRun.error),
            cancel_requested_at=func.coalesce(ScheduleRun.cancel_requested_at, func.now()),
            version=ScheduleRun.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    db.session.execute(statement)


def _open_of(schedule: Any) -> Any:
    other = aliased(Schedule)
    return (
        select(ScheduleRun.id)
        .join(other, other.id == ScheduleRun.schedule_id)
        .where(ScheduleRun.status.in_(OPEN_STATUSES), ~ScheduleRun.is_replay, _shares_limit(other, schedule))
    )


def _shares_limit(other: Any, schedule: Any) -> ColumnElement[bool]:
    key = schedule.concurrency_key
    condition: ColumnElement[bool] = other.id == schedule.id if key is None else other.concurrency_key == key
    return condition
