"""A clock that jumps: nothing is dispatched while the time is in doubt, and nothing is lost or repeated afterwards."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert, update

from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.metrics import clock_state
from heidi_common.runtime import current_runtime
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import clock_guard, dispatch
from heidi_services.scheduler.service.clock_guard import ACCEPT_SECONDS, ClockGuard
from heidi_services.scheduler.service.recomputation import recompute_next_runs
from heidi_services.scheduler.service.runs.run_creation import run_id_of
from tests.scheduler.conftest import MakeSchedule, runs_of, set_next

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


@dataclass
class Clocks:
    """Clocks that can be set. `pass_time` lets time pass, which `elapsed` shows whatever the others do."""

    database_ahead: timedelta = field(default_factory=timedelta)
    machine_ahead: timedelta = field(default_factory=timedelta)
    seconds: float = 0.0

    def set_both(self, ahead: timedelta) -> None:
        self.database_ahead = self.machine_ahead = ahead

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds

    def database(self) -> datetime:
        return START + timedelta(seconds=self.seconds) + self.database_ahead

    def machine(self) -> datetime:
        return START + timedelta(seconds=self.seconds) + self.machine_ahead

    def guard(self) -> ClockGuard:
        return ClockGuard(self.database, self.machine, lambda: self.seconds)


@pytest.fixture
def clocks(app: Flask) -> Clocks:
    return Clocks()


@pytest.mark.parametrize("ahead", [DAY, -HOUR, timedelta(seconds=8), -timedelta(seconds=6)])
@pytest.mark.parametrize("which", ["database_ahead", "machine_ahead"])
def test_a_difference_between_database_and_machine_holds_as_long_as_it_lasts(
    clocks: Clocks, which: str, ahead: timedelta
) -> None:
    guard = clocks.guard()
    assert guard.reason_to_hold() is None
    setattr(clocks, which, ahead)
    for _ in range(5):
        clocks.pass_time(ACCEPT_SECONDS)
        assert "of this machine's" in (guard.reason_to_hold() or "")
    setattr(clocks, which, timedelta())
    assert guard.reason_to_hold() is None


@pytest.mark.parametrize("ahead", [timedelta(seconds=4), -timedelta(seconds=4)])
def test_small_differences_do_not_matter(clocks: Clocks, ahead: timedelta) -> None:
    guard = clocks.guard()
    guard.reason_to_hold()
    clocks.machine_ahead = ahead
    assert guard.reason_to_hold() is None
    clocks.database_ahead = ahead
    assert guard.reason_to_hold() is None


@pytest.mark.parametrize("ahead", [DAY, 400 * DAY, -DAY, -20 * MINUTE])
def test_a_jump_of_both_clocks_holds_until_they_are_set_back(
    clocks: Clocks, ahead: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    guard = clocks.guard()
    guard.reason_to_hold()
    clocks.pass_time(60)
    clocks.set_both(ahead)
    for _ in range(12):
        assert "of the time that has elapsed" in (guard.reason_to_hold() or "")
        clocks.pass_time(1)
    clocks.set_both(timedelta())
    assert guard.reason_to_hold() is None
    assert "is paused" in caplog.text


@pytest.mark.parametrize("ahead", [3 * HOUR, -3 * HOUR])
def test_a_clock_that_keeps_its_new_time_was_wrong_before(clocks: Clocks, ahead: timedelta) -> None:
    guard = clocks.guard()
    guard.reason_to_hold()
    clocks.set_both(ahead)
    assert guard.reason_to_hold() is not None
    clocks.pass_time(ACCEPT_SECONDS)
    assert guard.reason_to_hold() is None
    clocks.pass_time(1)
    assert guard.reason_to_hold() is None


def test_slow_drift_and_suspended_machines_are_no_jump(clocks: Clocks) -> None:
    guard = clocks.guard()
    for number in range(30):
        clocks.pass_time(3600)
        clocks.set_both(timedelta(seconds=number))
        assert guard.reason_to_hold() is None


def test_a_clock_that_was_set_back_while_no_clock_process_ran_is_noticed(clocks: Clocks) -> None:
    clocks.guard().store_state()
    clocks.set_both(-2 * HOUR)
    guard = clocks.guard()
    assert guard.reason_to_hold() is not None
    clocks.pass_time(ACCEPT_SECONDS)
    assert guard.reason_to_hold() is None
    assert clocks.guard().reason_to_hold() is None
    clocks.set_both(50 * DAY)  # a long downtime
    assert clocks.guard().reason_to_hold() is None


def test_the_state_is_stored_for_metrics(clocks: Clocks) -> None:
    guard = clocks.guard()
    guard.store_state()
    clocks.database_ahead = timedelta(seconds=90)
    guard.store_state()
    with reading() as connection:
        (report,) = clock_state.read(connection).values()
    assert report.is_held and report.offset_seconds == pytest.approx(90)


def test_nothing_is_dispatched_while_the_time_is_in_doubt(schedule: MakeSchedule, clocks: Clocks) -> None:
    slot = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule_id = schedule(next_run=slot)
    guard = current_runtime().instances[clock_guard.clock_guard] = clocks.guard()
    guard.reason_to_hold()
    clocks.set_both(DAY)
    try:
        dispatch.dispatch_due()
        assert runs_of(schedule_id) == []
        clocks.set_both(timedelta())
        dispatch.dispatch_due()
        assert [run.scheduled_for for run in runs_of(schedule_id)][-1] >= slot
    finally:
        current_runtime().instances.pop(clock_guard.clock_guard)


def record_future(schedule_id: UUID, slots: list[datetime], status: str) -> None:
    """Record slots as a clock did that was ahead."""
    rows = [
        {
            "id": run_id_of(schedule_id, slot),
            "schedule_id": schedule_id,
            "scheduled_for": slot,
            "trigger": "CRON",
            "status": status,
            "created_at": slots[-1],
        }
        for slot in slots
    ]
    with transaction():
        db.session.execute(insert(ScheduleRun), rows)


@pytest.mark.parametrize("status", ["MISSED", "SKIPPED"])
def test_a_slot_that_was_recorded_before_its_time_runs_when_it_comes(schedule: MakeSchedule, status: str) -> None:
    slot = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule_id = schedule(next_run=slot, cron_expression="0 0 1 1 *")
    record_future(schedule_id, [slot, slot + 30 * DAY], status)
    dispatch.dispatch_due()
    assert [run.status for run in runs_of(schedule_id)] == ["QUEUED", status]


def test_a_recomputation_removes_the_future_and_repeats_nothing(schedule: MakeSchedule) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule_id = schedule(is_enabled=True)
    expected = db.session.get_one(Schedule, schedule_id).next_run
    assert expected is not None
    record_future(schedule_id, [now + DAY + n * MINUTE for n in range(90)], "MISSED")
    record_future(schedule_id, [now + 2 * DAY], "SUCCEEDED")
    set_next(schedule_id, now + 2 * DAY)
    result = recompute_next_runs()
    assert (result.schedules, result.changed, result.removed) == (1, 1, 90)
    assert [run.status for run in runs_of(schedule_id)] == ["SUCCEEDED"]
    following = db.session.get_one(Schedule, schedule_id, populate_existing=True).next_run
    assert following in (expected, expected + MINUTE)
    assert recompute_next_runs().changed in (0, 1)


def test_a_range_that_reaches_into_the_future_ends_now(schedule: MakeSchedule) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule_id = schedule(is_enabled=True, cron_expression="*/5 * * * *")
    first = (now - 2 * HOUR).replace(minute=0)
    record_future(schedule_id, [first + 2 * DAY], "MISSED")
    with transaction():
        db.session.execute(update(ScheduleRun).values(missed_from=first, missed_slots=577))
    recompute_next_runs()
    (run,) = runs_of(schedule_id)
    assert run.missed_from == first and now - 5 * MINUTE < run.scheduled_for <= datetime.now(UTC)
    assert run.missed_slots == (run.scheduled_for - first) // (5 * MINUTE) + 1


def test_what_is_due_stays_due(schedule: MakeSchedule) -> None:
    due = datetime.now(UTC).replace(second=0, microsecond=0) - 10 * MINUTE
    schedule_id = schedule(next_run=due)
    assert recompute_next_runs().changed == 0
    assert db.session.get_one(Schedule, schedule_id, populate_existing=True).next_run == due
