"""From a slot to the end of its run, through the clock's tasks and the worker's actor."""

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import func, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.models import ScheduleRun
from tests.scheduler.conftest import MakeSchedule, emitted_events, rare_expression, runs_of
from workers import actors
from workers.periodic_tasks import PERIODIC_TASKS
from workers.subscriptions import SUBSCRIPTIONS, Hint

POLL = {task.name: task.poll for task in PERIODIC_TASKS}


def test_the_event_of_a_slot_wakes_the_actor_that_runs_it(app: Flask, schedule: MakeSchedule) -> None:
    schedule_id = schedule(next_run=datetime.now(UTC), cron_expression=rare_expression())
    POLL["schedules"]()
    (event,) = emitted_events("schedule.execute")
    (hint,) = [s for s in SUBSCRIPTIONS if isinstance(s, Hint) and s.pattern == event.type]
    spec = actors.load()[hint.actor]
    assert spec.queue == hint.queue
    spec.function(event.subject)
    assert [run.status for run in runs_of(schedule_id)] == ["SUCCEEDED"]


def test_a_run_whose_wake_up_message_was_lost_gets_another(app: Flask, schedule: MakeSchedule) -> None:
    schedule_id = schedule(next_run=datetime.now(UTC), cron_expression=rare_expression())
    POLL["schedules"]()
    assert list(POLL["schedule runs"]()) == [], "the event's own message is under way"
    with transaction():
        db.session.execute(update(ScheduleRun).values(hinted_until=func.now()))
    (message,) = POLL["schedule runs"]()
    assert (message.actor_name, message.queue_name) == ("run_schedule", "scheduler")
    assert message.args == (str(runs_of(schedule_id)[0].id),)
    assert list(POLL["schedule runs"]()) == [], "a wake-up message is under way"


def test_the_clock_ends_a_run_whose_worker_is_gone(app: Flask, schedule: MakeSchedule) -> None:
    schedule_id = schedule(next_run=datetime.now(UTC), cron_expression=rare_expression())
    POLL["schedules"]()
    with transaction():
        expired = {"status": "RUNNING", "attempts": 1, "started_at": func.now(), "locked_until": func.now()}
        db.session.execute(update(ScheduleRun).values(**expired))
    POLL["schedule reaper"]()
    assert [run.status for run in runs_of(schedule_id)] == ["TIMED_OUT"]
