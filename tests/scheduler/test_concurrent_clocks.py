"""Concurrent clock processes, some of them killed or stopped: every slot is dispatched exactly once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import pytest
from flask import Flask
from sqlalchemy import Executable, func, insert, select, text
from uuid_utils.compat import uuid7

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch
from tests.polling import until

MINUTE = timedelta(minutes=1)


MAX_SECONDS = 600.0


def clock(settings: Settings) -> None:
    """Dispatch like a clock process, whatever the errors, until the process is killed."""
    app, end = base_app(settings, "clock"), time.monotonic() + MAX_SECONDS
    with app.app_context():
        while time.monotonic() < end:
            try:
                dispatch.dispatch_due()
            except Exception as error:
                print(f"a dispatch failed: {error!r}"[:500], flush=True)  # shown when the test fails
                db.session.rollback()
            time.sleep(0.01)


@contextmanager
def clocks(settings: Settings, count: int) -> Iterator[list[BaseProcess]]:
    """Run this many clock processes; afterwards none of them has a transaction in the database."""
    processes = [get_context("spawn").Process(target=clock, args=(settings,)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()
    # PgBouncer keeps its idle connections to the server for later clients.
    working = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'clock' AND state <> 'idle'")
    until(lambda: current_count(working) == 0)


def current_count(statement: Executable) -> int:
    """Count in a new transaction."""
    db.session.rollback()
    return db.session.scalar(statement) or 0


def make_schedules(count: int, slots: int) -> datetime:
    """Create schedules of every minute for which this many slots have come; return the first slot."""
    first = datetime.now(UTC).replace(second=0, microsecond=0) - (slots - 1) * MINUTE
    row = {
        "name": "every minute",
        "cron_expression": "* * * * *",
        "timezone": "Europe/Berlin",
        "action": "event.emit",
        "payload": {"type": "custom.tick"},
        "misfire_policy": "ALL",
        "misfire_window_seconds": 3600,
        "overlap_policy": "ALLOW",
        "max_attempts": 1,
        "timeout_seconds": 5,
        "jitter_seconds": 0,
        "next_run": first,
    }
    with transaction():
        db.session.execute(insert(Schedule), [row | {"id": uuid7(), "created_by": uuid7()} for _ in range(count)])
    return first


def count_runs() -> int:
    return current_count(select(func.count()).select_from(ScheduleRun))


def wait_until_dispatched() -> None:
    """Wait until no schedule is due."""
    due = select(func.count()).where(Schedule.is_enabled, Schedule.next_run <= func.now())
    until(lambda: current_count(due) == 0, MAX_SECONDS / 2)


def assert_each_slot_once(first: datetime) -> None:
    """Every slot from the first to before the next run has one run and one event."""
    db.session.rollback()
    counts = select(ScheduleRun.schedule_id, func.count().label("runs")).group_by(ScheduleRun.schedule_id)
    per_schedule = {row.schedule_id: row.runs for row in db.session.execute(counts)}
    for schedule_id, next_run in db.session.execute(select(Schedule.id, Schedule.next_run)):
        assert per_schedule[schedule_id] == (next_run - first) // MINUTE
    distinct = select(func.count()).select_from(
        select(ScheduleRun.schedule_id, ScheduleRun.scheduled_for).distinct().subquery()
    )
    assert db.session.scalar(distinct) == count_runs()
    run_ids = select(OutboxEvent.data["id"].as_string()).where(OutboxEvent.type == "schedule.execute")
    subjects = list(db.session.scalars(run_ids))
    assert len(subjects) == len(set(subjects)) == count_runs()


def test_every_slot_is_dispatched_once_by_four_clocks_of_which_one_is_killed_and_one_stopped(
    app: Flask, settings: Settings
) -> None:
    first = make_schedules(1500, slots=6)
    with clocks(settings, 4) as processes:
        until(count_runs)
        killed, stopped = processes[0].pid, processes[1].pid
        assert killed and stopped
        os.kill(stopped, signal.SIGSTOP)
        os.kill(killed, signal.SIGKILL)
        wait_until_dispatched()
        os.kill(stopped, signal.SIGCONT)
        time.sleep(1)  # time for the continued process to do something wrong
        wait_until_dispatched()
    assert count_runs() >= 9000
    assert_each_slot_once(first)


@pytest.mark.slow
def test_ten_thousand_schedules_of_one_second_are_dispatched_once_by_three_clocks(
    app: Flask, settings: Settings
) -> None:
    first = make_schedules(10_000, slots=1)
    with clocks(settings, 3):
        until(count_runs)
        wait_until_dispatched()
    assert_each_slot_once(first)
