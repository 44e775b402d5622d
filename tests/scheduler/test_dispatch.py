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
from heidi_services.scheduler import cron, service
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch, run_creation
from heidi_services.scheduler.service.run_creation import run_id
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, facts, far_away, runs, set_next

MINUTE = timedelta(minutes=1)


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def statuses(schedule_id: UUID) -> list[str]:
    return [run.status for run in runs(schedule_id)]


def test_a_due_schedule_fires_once_and_moves_on(schedule: MakeSchedule) -> None:
    slot, expression = this_minute(), far_away()
    found = schedule(next_run=slot, cron_expression=expression)
    service.fire()
    service.fire()
    (run,) = runs(found)
    assert (run.scheduled_for, run.status, run.trigger) == (slot, "QUEUED", "CRON")
    following = cron.next_after(cron.parse(expression), ZoneInfo("UTC"), slot)
    assert db.session.get_one(Schedule, found).next_run == following
    (fact,) = facts("schedule.execute")
    assert fact.id == run.id == run_id(found, slot)
    assert fact.data["scheduleId"] == str(found)


def test_a_slot_that_was_fired_already_is_not_fired_again_even_if_the_schedule_is_set_back(
    schedule: MakeSchedule,
) -> None:
    slot = this_minute()
    found = schedule(next_run=slot, cron_expression=far_away())
    service.fire()
    set_next(found, slot)
    service.fire()
    assert len(runs(found)) == 1
    assert len(facts("schedule.execute")) == 1


def test_what_is_disabled_does_not_fire(schedule: MakeSchedule) -> None:
    found = schedule(next_run=this_minute(), is_enabled=False)
    service.fire()
    assert runs(found) == []


def test_what_comes_while_disabled_is_not_missed(schedule: MakeSchedule, client: FlaskClient) -> None:
    found = schedule(next_run=this_minute() - MINUTE, cron_expression=far_away())
    service.disable(found, by=uuid4())
    service.enable(found, by=uuid4())
    service.fire()
    assert runs(found) == []
    assert db.session.get_one(Schedule, found).next_run is not None


def test_every_missed_slot_has_a_row(schedule: MakeSchedule) -> None:
    first = this_minute() - 700 * MINUTE
    found = schedule(next_run=first)
    service.fire()
    history = runs(found)
    slots = [run.scheduled_for for run in history]
    assert slots == [first + n * MINUTE for n in range(len(slots))]
    assert slots[-1] >= first + 700 * MINUTE
    assert [run.status for run in history] == ["MISSED"] * (len(history) - 1) + ["QUEUED"]
    assert history[0].error and history[0].finished_at
    assert len(facts("schedule.execute")) == 1


def test_missed_slots_that_all_run_do_so_one_after_the_other(schedule: MakeSchedule) -> None:
    found = schedule(next_run=this_minute() - 3 * MINUTE, misfire_policy="ALL")
    service.fire()
    first, *others = runs(found)
    assert all(run.status == "QUEUED" for run in (first, *others)) and len(others) >= 3
    for other in others:
        service.run(other.id)
    assert {run.status for run in runs(found)} == {"QUEUED"}
    service.run(first.id)
    assert service.overdue(10) == [others[0].id]
    service.run(others[0].id)
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
    found = schedule(overlap_policy=policy, cron_expression=far_away())
    slot = this_minute() - timedelta(seconds=30)
    for n in range(3):
        set_next(found, slot + timedelta(seconds=n))
        service.fire()
    assert statuses(found) == expected
    assert len(facts("schedule.execute")) == expected.count("QUEUED")


def test_a_queued_run_starts_when_the_one_before_it_has_ended(schedule: MakeSchedule) -> None:
    found = schedule(overlap_policy="QUEUE_ONE", cron_expression=far_away())
    for n in range(2):
        set_next(found, this_minute() - timedelta(seconds=2 - n))
        service.fire()
    first, second = runs(found)
    service.run(second.id)
    assert statuses(found) == ["QUEUED", "QUEUED"]
    service.run(first.id)
    assert service.overdue(10) == [second.id]
    service.run(second.id)
    assert statuses(found) == ["SUCCEEDED", "SUCCEEDED"]


def test_jitter_delays_the_start_and_not_the_slot(schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_creation.random, "uniform", lambda least, most: (least + most) / 2)
    slot = this_minute()
    found = schedule(next_run=slot, cron_expression=far_away(), jitter_seconds=3600)
    service.fire()
    (run,) = runs(found)
    assert run.scheduled_for == slot
    assert timedelta() < run.next_attempt_at - datetime.now(UTC) <= timedelta(minutes=30)
    service.run(run.id)
    assert statuses(found) == ["QUEUED"]
    assert service.overdue(10) == []
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=text("now()"), hinted_until=text("now()")))
    assert service.overdue(10) == [run.id]
    service.run(run.id)
    assert statuses(found) == ["SUCCEEDED"]


def test_missed_runs_are_told_to_the_owner_once(schedule: MakeSchedule) -> None:
    owner = uuid4()
    found = schedule(next_run=this_minute() - 600 * MINUTE, on_failure={"user_id": str(owner)})
    service.fire()
    assert statuses(found).count("MISSED") >= 599
    (fact,) = facts("notification.send")
    assert fact.user_id == owner and fact.data["channel"] == "EMAIL"
    assert "every minute" not in str(fact.data)
    assert "every minute" in fact.decrypt_secret_data()["subject"]


def test_a_schedule_that_cannot_be_timed_any_more_does_not_stop_the_others(schedule: MakeSchedule) -> None:
    broken = schedule(next_run=this_minute() - MINUTE)
    sound = schedule(next_run=this_minute(), cron_expression=far_away())
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == broken).values(timezone="Mars/Olympus"))
    service.fire()
    assert statuses(broken) == ["MISSED"]
    assert statuses(sound) == ["QUEUED"]
    assert db.session.get_one(Schedule, broken).next_run is None


def test_a_backfill_runs_what_was_missed_and_leaves_what_ran_alone(schedule: MakeSchedule) -> None:
    first = this_minute() - 3 * MINUTE
    found = schedule(next_run=first)
    service.fire()
    service.run(runs(found)[-1].id)
    before = statuses(found)
    assert (before.count("MISSED"), before[-1]) == (len(before) - 1, "SUCCEEDED")
    made = service.backfill(found, first - MINUTE, runs(found)[-1].scheduled_for, by=uuid4())
    assert (made.runs, made.slots) == (len(before), len(before) + 1)
    assert statuses(found) == ["QUEUED"] * len(before) + ["SUCCEEDED"]
    again = service.backfill(found, first - MINUTE, runs(found)[-1].scheduled_for, by=uuid4())
    assert again.runs == 0


def test_a_stopped_clock_does_not_keep_the_rows_it_holds(schedule: MakeSchedule) -> None:
    schedule(next_run=this_minute())
    db.session.execute(dispatch.PATIENCE)
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1s"
    db.session.rollback()
    assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"


def test_a_batch_too_large_for_a_starved_machine_is_cut_until_it_fits(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "ROUND_TIME", 600.0)
    found = [schedule(next_run=this_minute(), cron_expression=far_away()) for _ in range(8)]
    plans = dispatch._make_plans

    def slow(due: list[Any], size: int) -> Any:
        if len(due) > 6:
            _until_the_database_has_lost_its_patience()
        return plans(due, size)

    monkeypatch.setattr(dispatch, "_make_plans", slow)
    service.fire()
    assert [statuses(schedule_id) for schedule_id in found] == [["QUEUED"]] * 8
    assert "too slow" in caplog.text


def _until_the_database_has_lost_its_patience() -> None:
    mine = db.session.scalar(text("SELECT pg_backend_pid()"))
    alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :mine")
    with reading() as other:
        until(lambda: other.scalar(alive, {"mine": mine}) == 0)
