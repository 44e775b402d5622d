"""A schedule to test with, and an administrator."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch, schedules
from heidi_services.scheduler.service.monitors import overdue
from tests.polling import TIMEOUT_SECONDS

MakeSchedule = Callable[..., UUID]


@pytest.fixture(autouse=True)
def _clock_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, one call may take longer than the clock's time and would leave schedules for the next."""
    for module in (dispatch, overdue):
        monkeypatch.setattr(module, "MAX_SECONDS", TIMEOUT_SECONDS)


def rare_expression() -> str:
    """An expression whose next slot is months from now, so that none comes while a test runs."""
    return f"0 0 1 {(datetime.now(UTC).month + 5) % 12 + 1} *"


def body(**changes: Any) -> dict[str, Any]:
    """The body of a POST that creates a schedule."""
    return {
        "name": "nightly report",
        "cronExpression": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "action": "event.emit",
        "payload": {"type": "custom.report", "data": {"n": 1}},
    } | changes


@pytest.fixture
def admin(as_user: Any) -> dict[str, str]:
    headers: dict[str, str] = as_user(Role.ADMIN).headers
    return headers


@pytest.fixture
def schedule(app: Flask) -> MakeSchedule:
    """Create a schedule; `next_run=` sets its next slot."""

    def make(next_run: datetime | None = None, **changes: Any) -> UUID:
        defaults = {
            "name": "every minute",
            "cron_expression": "* * * * *",
            "timezone": "UTC",
            "action": "event.emit",
            "payload": {"type": "custom.tick"},
            "misfire_policy": "LATEST",
            "misfire_window_seconds": 3600,
            "overlap_policy": "SKIP",
            "max_attempts": 1,
            "timeout_seconds": 5,
            "jitter_seconds": 0,
        }
        schedule_id = schedules.create_schedule(defaults | changes, requested_by=uuid7()).id
        if next_run is not None:
            set_next(schedule_id, next_run)
        return schedule_id

    return make


def set_next(schedule_id: UUID, at: datetime) -> None:
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == schedule_id).values(next_run=at))


def runs_of(schedule_id: UUID) -> list[ScheduleRun]:
    """The runs of a schedule as they are in the database, oldest slot first. No transaction stays open."""
    db.session.rollback()
    statement = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id).order_by(ScheduleRun.scheduled_for)
    runs = list(db.session.scalars(statement.execution_options(populate_existing=True)))
    for run in runs:
        db.session.expunge(run)
    db.session.rollback()
    return runs


def emitted_events(event_type: str) -> list[OutboxEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == event_type).order_by(OutboxEvent.id)))
