"""Dispatch: each slot once, a run for each slot, misfire and overlap policies."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text, update

from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_services.scheduler.cron.occurrences import next_occurrence
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch, dispatch_planning, schedules
from heidi_services.scheduler.service.backfill import backfill_schedule
from heidi_services.scheduler.service.runs import executor, reaper, run_creation
from heidi_services.scheduler.service.runs.run_creation import run_id_of
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, emitted_events, rare_expression, runs_of, set_next

MINUTE = timedelta(minutes=1)


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def statuses(schedule_id: UUID) -> list[str]:
    return [run.status for run in runs_of(schedule_id)]


def test_a_due_schedule_is_dispatched_once_and_gets_its_next_run(schedule: MakeSchedule) -> None:
    slot, expression = this_minute(), rare_expression()
    schedule_id = schedule(next_run=slot, cron_expression=expression)
    dispatch.dispatch_due()
    dispatch.dispatch_due()
    (run,) = runs_of(schedule_id)
    assert (run.scheduled_for, run.status, run.trigger) == (slot, "QUEUED", "CRON")
    following = next_occurrence(parse_cron(expression), ZoneInfo("UTC"), slot)
    assert db.session.get_one(Schedule, schedule_id).next_run == following
    (event,) = emitted_events("schedule.execute")
    assert event.id == run.id == run_id_of(schedule_id, slot)
    assert event.data["scheduleId"] == str(schedule_id)


def test_a_slot_is_not_dispatched_again_even_if_the_schedule_is_set_back(
    schedule: MakeSchedule,
) -> None:
    slot = this_minute()
    schedule_id = schedule(next_run=slot, cron_expression=rare_expression())
    dispatch.dispatch_due()
    set_next(schedule_id, slot)
    dispatch.dispatch_due()
    assert len(runs_of(schedule_id)) == 1
    assert len(emitted_events("schedule.execute")) == 1


def test_a_disabled_schedule_is_not_dispatched(schedule: MakeSchedule) -> None:
    schedule_id = schedule(next_run=this_minute(), is_enabled=False)
    dispatch.dispatch_due()
    assert runs_of(schedule_id) == []


def test_slots_that_come_while_a_schedule_is_disabled_are_not_missed(
    schedule: MakeSchedule, client: FlaskClient
) -> None:
    schedule_id = schedule(next_run=this_minute() - MINUTE, cron_expression=rare_expression())
    schedules.disable_schedule(schedule_id, requested_by=uuid4())
    schedules.enable_schedule(schedule_id, requested_by=uuid4())
    dispatch.dispatch_due()
    assert runs_of(schedule_id) == []
    assert db.session.get_one(Schedule, schedule_id).next_run is not None


def test_missed_slots_are_recorded_as_one_range(schedule: MakeSchedule) -> None:
    first = this_minute() - 700 * MINUTE
    schedule_id = schedule(next_run=first)
    dispatch.dispatch_due()
    missed, newest = runs_of(schedule_id)
    assert (missed.status, newest.status) == ("MISSED", "QUEUED")
    assert (missed.missed_from, missed.scheduled_for) == (first, newest.scheduled_for - MINUTE)
    assert missed.missed_slots == (missed.scheduled_for - first) // MINUTE + 1
    assert missed.error and missed.finished_at and newest.missed_slots is None
    assert len(emitted_events("schedule.execute")) == 1


def test_slots_that_catch_up_run_one_after_the_other_beside_the_newest_one(schedule: MakeSchedule) -> None:
    schedule_id = schedule(next_run=this_minute() - 3 * MINUTE, misfire_policy="ALL")
    dispatch.dispatch_due()
    first, *others, newest = runs_of(schedule_id)
    assert all(run.status == "QUEUED" for run in (first, *others)) and len(others) >= 2
    assert [run.is_replay for run in (first, *others, newest)] == [True] * (len(others) + 1) + [False]
    for other in others:
        executor.execute_run(other.id)
    assert {run.status for run in runs_of(schedule_id)} == {"QUEUED"}
    executor.execute_run(newest.id)
    assert statuses(schedule_id)[-2:] == ["QUEUED", "SUCCEEDED"]
    executor.execute_run(first.id)
    assert reaper.overdue_runs(10) == [others[0].id]
    executor.execute_run(others[0].id)
    assert statuses(schedule_id)[:3] == ["SUCCEEDED", "SUCCEEDED", "QUEUED"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("SKIP", ["QUEUED", "SKIPPED", "SKIPPED"]),
        ("QUEUE_ONE", ["QUEUED", "QUEUED", "SKIPPED"]),
        ("ALLOW", ["QUEUED", "QUEUED", "QUEUED"]),
    ],
)
def test_a_slot_that_overlaps_the_previous_run_follows_the_policy(
    schedule: MakeSchedule, policy: str, expected: list[str]
) -> None:
    schedule_id = schedule(overlap_policy=policy, cron_expression=rare_expression())
    slot = this_minute() - timedelta(seconds=30)
    for n in range(3):
        set_next(schedule_id, slot + timedelta(seconds=n))
        dispatch.dispatch_due()
    assert statuses(schedule_id) == expected
    assert len(emitted_events("schedule.execute")) == expected.count("QUEUED")


def test_a_queued_run_starts_when_the_previous_run_has_ended(schedule: MakeSchedule) -> None:
    schedule_id = schedule(overlap_policy="QUEUE_ONE", cron_expression=rare_expression())
    for n in range(2):
        set_next(schedule_id, this_minute() - timedelta(seconds=2 - n))
        dispatch.dispatch_due()
    first, second = runs_of(schedule_id)
    executor.execute_run(second.id)
    assert statuses(schedule_id) == ["QUEUED", "QUEUED"]
    executor.execute_run(first.id)
    assert reaper.overdue_runs(10) == [second.id]
    executor.execute_run(second.id)
    assert statuses(schedule_id) == ["SUCCEEDED", "SUCCEEDED"]


def test_jitter_delays_the_start_and_not_the_slot(schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_creation.random, "uniform", lambda least, most: (least + most) / 2)
    slot = this_minute()
    schedule_id = schedule(next_run=slot, cron_expression=rare_expression(), jitter_seconds=3600)
    dispatch.dispatch_due()
    (run,) = runs_of(schedule_id)
    assert run.scheduled_for == slot
    assert timedelta() < run.next_attempt_at - datetime.now(UTC) <= timedelta(minutes=30)
    executor.execute_run(run.id)
    assert statuses(schedule_id) == ["QUEUED"]
    assert reaper.overdue_runs(10) == []
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=text("now()"), hinted_until=text("now()")))
    assert reaper.overdue_runs(10) == [run.id]
    executor.execute_run(run.id)
    assert statuses(schedule_id) == ["SUCCEEDED"]


def test_the_owner_is_notified_of_missed_runs_once(schedule: MakeSchedule) -> None:
    owner = uuid4()
    schedule_id = schedule(next_run=this_minute() - 600 * MINUTE, on_failure={"user_id": str(owner)})
    dispatch.dispatch_due()
    assert statuses(schedule_id) == ["MISSED", "QUEUED"]
    (event,) = emitted_events("notification.send")
    assert event.user_id == owner and event.data["channel"] == "EMAIL"
    assert "every minute" not in str(event.data)
    assert "every minute" in event.decrypt_secret_data()["subject"]


def test_a_schedule_whose_time_zone_was_dropped_does_not_stop_the_others(schedule: MakeSchedule) -> None:
    broken = schedule(next_run=this_minute() - MINUTE)
    sound = schedule(next_run=this_minute(), cron_expression=rare_expression())
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == broken).values(timezone="Mars/Olympus"))
    dispatch.dispatch_due()
    assert statuses(broken) == ["MISSED"]
    assert statuses(sound) == ["QUEUED"]
    assert db.session.get_one(Schedule, broken).next_run is None


@pytest.mark.parametrize("stored", [{"user_id": "not a UUID"}, {"userId": 5}, {"user_id": None}, ["a"], "text", 7])
def test_a_stored_recipient_that_cannot_be_used_does_not_stop_the_other_schedules(
    schedule: MakeSchedule, stored: object
) -> None:
    broken = schedule(next_run=this_minute() - 5 * MINUTE, on_failure=stored)
    sound = schedule(next_run=this_minute(), cron_expression=rare_expression())
    dispatch.dispatch_due()
    assert statuses(broken) == ["MISSED", "QUEUED"]
    assert statuses(sound) == ["QUEUED"]
    assert emitted_events("notification.send") == []
    with transaction():
        db.session.execute(update(ScheduleRun).values(status="RUNNING", attempts=3, locked_until=text("now()")))
        db.session.execute(update(Schedule).values(max_attempts=1))
    reaper.reap_expired()
    assert set(statuses(broken) + statuses(sound)) == {"TIMED_OUT"}


def test_a_backfill_runs_missed_slots_and_does_not_repeat_runs(schedule: MakeSchedule) -> None:
    first = this_minute() - 3 * MINUTE
    schedule_id = schedule(next_run=first)
    dispatch.dispatch_due()
    missed, newest = runs_of(schedule_id)
    executor.execute_run(newest.id)
    number = missed.missed_slots
    assert number is not None and number >= 3
    result = backfill_schedule(schedule_id, first - MINUTE, newest.scheduled_for, requested_by=uuid4())
    assert (result.runs, result.slots) == (number + 1, number + 2)
    assert statuses(schedule_id) == ["QUEUED"] * (number + 1) + ["SUCCEEDED"]
    again = backfill_schedule(schedule_id, first - MINUTE, newest.scheduled_for, requested_by=uuid4())
    assert again.runs == 0


def test_a_backfill_of_a_part_leaves_the_rest_of_the_range_missed(schedule: MakeSchedule) -> None:
    first = this_minute() - 50 * MINUTE
    schedule_id = schedule(next_run=first, misfire_policy="SKIP")
    dispatch.dispatch_due()
    last = runs_of(schedule_id)[0].scheduled_for
    backfill_schedule(schedule_id, first + 10 * MINUTE, first + 12 * MINUTE, requested_by=uuid4())
    ranges = [
        (run.missed_from, run.scheduled_for, run.missed_slots) for run in runs_of(schedule_id) if run.missed_slots
    ]
    after = first + 13 * MINUTE
    assert ranges == [(first, first + 9 * MINUTE, 10), (after, last, (last - after) // MINUTE + 1)]
    assert [run.scheduled_for for run in runs_of(schedule_id) if run.is_replay] == [
        first + n * MINUTE for n in (10, 11, 12)
    ]


def test_a_stopped_clock_does_not_keep_its_row_locks(schedule: MakeSchedule) -> None:
    schedule(next_run=this_minute())
    db.session.execute(dispatch.IDLE_TIMEOUT)
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1s"
    db.session.rollback()
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"


def test_a_batch_that_is_too_slow_is_reduced_until_it_fits(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "MAX_SECONDS", 600.0)
    schedule_ids = [schedule(next_run=this_minute(), cron_expression=rare_expression()) for _ in range(8)]
    plan_batch = dispatch_planning.plan_batch

    def slow(due: list[Any]) -> Any:
        if len(due) > 6:
            _wait_for_the_idle_timeout()
        return plan_batch(due)

    monkeypatch.setattr(dispatch, "plan_batch", slow)
    dispatch.dispatch_due()
    assert [statuses(schedule_id) for schedule_id in schedule_ids] == [["QUEUED"]] * 8
    assert "exceeded the idle timeout" in caplog.text


def _wait_for_the_idle_timeout() -> None:
    own_pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :own_pid")
    with reading() as other:
        until(lambda: other.scalar(alive, {"own_pid": own_pid}) == 0)
