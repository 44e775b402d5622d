"""After a long downtime the newest slots fire first, missed slots are one range each, and all schedules catch up."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch, dispatch_planning
from tests.scheduler.conftest import MakeSchedule, runs_of

SCHEDULES, DAYS = 60, 40


@pytest.fixture
def downtime(app: Flask) -> None:
    """Schedules that have not been dispatched for a long time, with each misfire policy."""
    last = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=DAYS)
    rows = [
        {
            "id": uuid7(),
            "name": f"number {number}",
            "cron_expression": ("* * * * *", "*/2 * * * *", "17 */3 * * *")[number % 3],
            "timezone": "America/Chicago",
            "action": "event.emit",
            "payload": {"type": "custom.tick"},
            "misfire_policy": ("SKIP", "LATEST", "ALL")[number // 3 % 3],
            "misfire_window_seconds": 86_400,
            "overlap_policy": "ALLOW",
            "max_attempts": 1,
            "timeout_seconds": 5,
            "jitter_seconds": 0,
            "next_run": last,
            "created_by": uuid7(),
        }
        for number in range(SCHEDULES)
    ]
    with transaction():
        db.session.execute(insert(Schedule), rows)


def test_missed_slots_are_one_row_per_schedule_and_each_catches_up(
    downtime: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(dispatch, "MAX_SECONDS", 120.0)
    dispatch.dispatch_due()
    assert db.session.scalar(select(func.count()).where(Schedule.next_run <= func.now() - timedelta(minutes=1))) == 0
    missed = select(func.count()).where(ScheduleRun.status == "MISSED").group_by(ScheduleRun.schedule_id)
    assert set(db.session.scalars(missed)) == {1}
    catch_up = select(func.count()).where(ScheduleRun.is_replay).group_by(ScheduleRun.schedule_id)
    assert max(db.session.scalars(catch_up)) <= 100
    total = db.session.scalar(select(func.sum(ScheduleRun.missed_slots)).where(ScheduleRun.status == "MISSED"))
    assert total is not None and total > SCHEDULES // 3 * (DAYS - 1) * 1440
    progress = [record.remaining for record in caplog.records if record.message == "schedules caught up"]
    assert progress == sorted(progress, reverse=True) and progress[-1] == 0


def test_slots_on_time_are_dispatched_before_those_that_catch_up(
    downtime: None, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_time = schedule(next_run=datetime.now(UTC).replace(microsecond=0), cron_expression="0 0 1 1 *")
    catch_up = dispatch._catch_up

    def checked(size: int) -> int:
        assert [run.status for run in runs_of(on_time)] == ["QUEUED"]
        return catch_up(size)

    monkeypatch.setattr(dispatch, "_catch_up", checked)
    dispatch.dispatch_due()
    assert db.session.scalar(select(func.count()).select_from(ScheduleRun)) > 1


def test_the_newest_slots_are_stored_before_those_that_catch_up(
    downtime: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_planning, "MAX_PLANNING_SECONDS", 120.0)
    monkeypatch.setattr(dispatch, "IDLE_TIMEOUT", text("SET LOCAL idle_in_transaction_session_timeout = '120s'"))
    dispatch._catch_up(SCHEDULES)
    order = list(db.session.scalars(select(ScheduleRun.is_replay).order_by(ScheduleRun.created_at, func.now())))
    assert order.count(True) > 0
    due = select(func.count()).where(ScheduleRun.is_replay, ScheduleRun.next_attempt_at <= func.now())
    per_schedule = due.group_by(ScheduleRun.schedule_id)
    assert max(db.session.scalars(per_schedule)) == 5
