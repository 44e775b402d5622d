"""Firing: each slot once, a row for each, and the policies."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text, update

from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_services.scheduler.cron import occurrences, parser
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import (
    backfill,
    dispatch,
    dispatch_planning,
    executor,
    reaper,
    run_creation,
    schedules,
)
from heidi_services.scheduler.service.run_creation import run_id_of
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, emitted_events, rare_expression, runs_of, set_next

MINUTE = timedelta(minutes=1)


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def statuses(schedule_id: UUID) -> list[str]:
    return [run.status for run in runs_of(schedule_id)]


def test_a_due_schedule_fires_once_and_moves_on(schedule: MakeSchedule) -> None:
    slot, expression = this_minute(), rare_expression()
    found = schedule(next_run=slot, cron_expression=expression)
    dispatch.dispatch_due()
    dispatch.dispatch_due()
    (run,) = runs_of(found)
    assert (run.scheduled_for, run.status, run.trigger) == (slot, "QUEUED", "CRON")
    following = occurrences.next_occurrence(parser.parse_cron(expression), ZoneInfo("UTC"), slot)
    assert db.session.get_one(Schedule, found).next_run == following
    (fact,) = emitted_events("schedule.execute")
    assert fact.id == run.id == run_id_of(found, slot)
    assert fact.data["scheduleId"] == str(found)


def test_a_slot_that_was_fired_already_is_not_fired_again_even_if_the_schedule_is_set_back(
    schedule: MakeSchedule,
) -> None:
    slot = this_minute()
    found = schedule(next_run=slot, cron_expression=rare_expression())
    dispatch.dispatch_due()
    set_next(found, slot)
    dispatch.dispatch_due()
    assert len(runs_of(found)) == 1
    assert len(emitted_events("schedule.execute")) == 1


def test_what_is_disabled_does_not_fire(schedule: MakeSchedule) -> None:
    found = schedule(next_run=this_minute(), is_enabled=False)
    dispatch.dispatch_due()
    assert runs_of(found) == []


def test_what_comes_while_disabled_is_not_missed(schedule: MakeSchedule, client: FlaskClient) -> None:
    found = schedule(next_run=this_minute() - MINUTE, cron_expression=rare_expression())
    schedules.disable_schedule(found, requested_by=uuid4())
    schedules.enable_schedule(found, requested_by=uuid4())
    dispatch.dispatch_due()
    assert runs_of(found) == []
    assert db.session.get_one(Schedule, found).next_run is not None


def test_every_missed_slot_has_a_row(schedule: MakeSchedule) -> None:
    first = this_minute() - 700 * MINUTE
    found = schedule(next_run=first)
    dispatch.dispatch_due()
    history = runs_of(found)
    slots = [run.scheduled_for for run in history]
    assert slots == [first + n * MINUTE for n in range(len(slots))]
    assert slots[-1] >= first + 700 * MINUTE
    assert [run.status for run in history] == ["MISSED"] * (len(history) - 1) + ["QUEUED"]
    assert history[0].error and history[0].finished_at
    assert len(emitted_events("schedule.execute")) == 1


def test_missed_slots_that_all_run_do_so_one_after_the_other(schedule: MakeSchedule) -> None:
    found = schedule(next_run=this_minute() - 3 * MINUTE, misfire_policy="ALL")
    dispatch.dispatch_due()
    first, *others = runs_of(found)
    assert all(run.status == "QUEUED" for run in (first, *others)) and len(others) >= 3
    for other in others:
        executor.execute_run(other.id)
    assert {run.status for run in runs_of(found)} == {"QUEUED"}
    executor.execute_run(first.id)
    assert reaper.overdue_runs(10) == [others[0].id]
    executor.execute_run(others[0].id)
    assert statuses(found)[:3] == ["SUCCEEDED", "SUCCEEDED", "QUEUED"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("SKIP", ["QUEUED", "SKIPPED", "SKIPPED"]),
        ("QUEUE_ONE", ["QUEUED", "QUEUED", "SKIPPED"]),
        ("ALLOW", ["QUEUED", "QUEUED", "QUEUED"]),
    ],
)
def test_a_slot_that_overlaps_the_run_before_follows_the_policy(
    schedule: MakeSchedule, policy: str, expected: list[str]
) -> None:
    found = schedule(overlap_policy=policy, cron_expression=rare_expression())
    slot = this_minute() - timedelta(seconds=30)
    for n in range(3):
        set_next(found, slot + timedelta(seconds=n))
        dispatch.dispatch_due()
    assert statuses(found) == expected
    assert len(emitted_events("schedule.execute")) == expected.count("QUEUED")


def test_a_queued_run_starts_when_the_one_before_it_has_ended(schedule: MakeSchedule) -> None:
    found = schedule(overlap_policy="QUEUE_ONE", cron_expression=rare_expression())
    for n in range(2):
        set_next(found, this_minute() - timedelta(seconds=2 - n))
        dispatch.dispatch_due()
    first, second = runs_of(found)
    executor.execute_run(second.id)
    assert statuses(found) == ["QUEUED", "QUEUED"]
    executor.execute_run(first.id)
    assert reaper.overdue_runs(10) == [second.id]
    executor.execute_run(second.id)
    assert statuses(found) == ["SUCCEEDED", "SUCCEEDED"]


def test_jitter_delays_the_start_and_not_the_slot(schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_creation.random, "uniform", lambda least, most: (least + most) / 2)
    slot = this_minute()
    found = schedule(next_run=slot, cron_expression=rare_expression(), jitter_seconds=3600)
    dispatch.dispatch_due()
    (run,) = runs_of(found)
    assert run.scheduled_for == slot
    assert timedelta() < run.next_attempt_at - datetime.now(UTC) <= timedelta(minutes=30)
    executor.execute_run(run.id)
    assert statuses(found) == ["QUEUED"]
    assert reaper.overdue_runs(10) == []
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=text("now()"), hinted_until=text("now()")))
    assert reaper.overdue_runs(10) == [run.id]
    executor.execute_run(run.id)
    assert statuses(found) == ["SUCCEEDED"]


def test_missed_runs_are_told_to_the_owner_once(schedule: MakeSchedule) -> None:
    owner = uuid4()
    found = schedule(next_run=this_minute() - 600 * MINUTE, on_failure={"user_id": str(owner)})
    dispatch.dispatch_due()
    assert statuses(found).count("MISSED") >= 599
    (fact,) = emitted_events("notification.send")
    assert fact.user_id == owner and fact.data["channel"] == "EMAIL"
    assert "every minute" not in str(fact.data)
    assert "every minute" in fact.decrypted()["subject"]


def test_a_schedule_that_cannot_be_timed_any_more_does_not_stop_the_others(schedule: MakeSchedule) -> None:
    broken = schedule(next_run=this_minute() - MINUTE)
    sound = schedule(next_run=this_minute(), cron_expression=rare_expression())
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == broken).values(timezone="Mars/Olympus"))
    dispatch.dispatch_due()
    assert statuses(broken) == ["MISSED"]
    assert statuses(sound) == ["QUEUED"]
    assert db.session.get_one(Schedule, broken).next_run is None


def test_a_backfill_runs_what_was_missed_and_leaves_what_ran_alone(schedule: MakeSchedule) -> None:
    first = this_minute() - 3 * MINUTE
    found = schedule(next_run=first)
    dispatch.dispatch_due()
    executor.execute_run(runs_of(found)[-1].id)
    before = statuses(found)
    assert (before.count("MISSED"), before[-1]) == (len(before) - 1, "SUCCEEDED")
    made = backfill.backfill_schedule(found, first - MINUTE, runs_of(found)[-1].scheduled_for, requested_by=uuid4())
    assert (made.runs, made.slots) == (len(before), len(before) + 1)
    assert statuses(found) == ["QUEUED"] * len(before) + ["SUCCEEDED"]
    again = backfill.backfill_schedule(found, first - MINUTE, runs_of(found)[-1].scheduled_for, requested_by=uuid4())
    assert again.runs == 0


def test_a_stopped_clock_does_not_keep_the_rows_it_holds(schedule: MakeSchedule) -> None:
    schedule(next_run=this_minute())
    db.session.execute(dispatch.IDLE_TIMEOUT)
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1s"
    db.session.rollback()
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"


def test_a_batch_too_large_for_a_starved_machine_is_cut_until_it_fits(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "MAX_SECONDS", 600.0)
    found = [schedule(next_run=this_minute(), cron_expression=rare_expression()) for _ in range(8)]
    plan_batch = dispatch_planning.plan_batch

    def slow(due: list[Any], size: int) -> Any:
        if len(due) > 6:
            _until_the_database_has_lost_its_patience()
        return plan_batch(due, size)

    monkeypatch.setattr(dispatch, "plan_batch", slow)
    dispatch.dispatch_due()
    assert [statuses(schedule_id) for schedule_id in found] == [["QUEUED"]] * 8
    assert "too slow" in caplog.text


def _until_the_database_has_lost_its_patience() -> None:
    mine = db.session.scalar(text("SELECT pg_backend_pid()"))
    alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :mine")
    with reading() as other:
        until(lambda: other.scalar(alive, {"mine": mine}) == 0)
