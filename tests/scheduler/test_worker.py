"""From a slot to its end, through the clock's tasks and the worker's actor."""

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import func, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.models import ScheduleRun
from tests.scheduler.conftest import MakeSchedule, facts, far_away, runs
from workers import actors
from workers.periodic_tasks import PERIODIC_TASKS
from workers.subscriptions import SUBSCRIPTIONS, Hint

POLL = {task.name: task.poll for task in PERIODIC_TASKS}


def test_the_fact_of_a_slot_leads_to_the_actor_that_runs_it(app: Flask, schedule: MakeSchedule) -> None:
    found = schedule(next_run=datetime.now(UTC), cron_expression=far_away())
    POLL["schedules"]()
    (fact,) = facts("schedule.execute")
    (hint,) = [s for s in SUBSCRIPTIONS if isinstance(s, Hint) and s.pattern == fact.type]
    spec = actors.load()[hint.actor]
    assert spec.queue == hint.queue
    spec.function(fact.subject)
    assert [run.status for run in runs(found)] == ["SUCCEEDED"]


def test_a_run_whose_message_was_lost_is_hinted_at_again(app: Flask, schedule: MakeSchedule) -> None:
    found = schedule(next_run=datetime.now(UTC), cron_expression=far_away())
    POLL["schedules"]()
    assert list(POLL["schedule runs"]()) == [], "the fact's own message is under way"
    with transaction():
        db.session.execute(update(ScheduleRun).values(hinted_until=func.now()))
    (message,) = POLL["schedule runs"]()
    assert (message.actor_name, message.queue_name) == ("run_schedule", "scheduler")
    assert message.args == (str(runs(found)[0].id),)
    assert list(POLL["schedule runs"]()) == [], "once is enough for now"


def test_a_run_without_a_worker_is_found_by_the_clock(app: Flask, schedule: MakeSchedule) -> None:
    found = schedule(next_run=datetime.now(UTC), cron_expression=far_away())
    POLL["schedules"]()
    with transaction():
        lost = {"status": "RUNNING", "attempts": 1, "started_at": func.now(), "locked_until": func.now()}
        db.session.execute(update(ScheduleRun).values(**lost))
    POLL["schedule reaper"]()
    assert [run.status for run in runs(found)] == ["TIMED_OUT"]
