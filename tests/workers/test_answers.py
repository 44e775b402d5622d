"""A schedule that asks another service for something: its run ends as that service has answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from dramatiq import Broker, Message
from flask import Flask
from sqlalchemy import func, update

import workers.integration
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import executor, manual_runs, reaper, schedules
from tests.conftest import SignedIn
from tests.scheduler.conftest import emitted_events, runs_of
from workers import actors
from workers.periodic_tasks import PERIODIC_TASKS
from workers.relay import relay_batch

AsUser = Callable[..., SignedIn]
ANSWERS = next(task.poll for task in PERIODIC_TASKS if task.name == "schedule answers")
WHO_ANSWERS = {
    "notification.send": "make_requested_notification",
    "integration.sync": "accept_sync",
    "core.operation": "accept_operation",
}


class Answerers:
    """A broker of which nothing is done but the taking in of requests."""

    def enqueue(self, message: Message[Any]) -> None:
        if message.actor_name in WHO_ANSWERS.values():
            actors.load()[message.actor_name].function(*message.args)


def scheduled(action: str, payload: dict[str, Any], **changes: Any) -> UUID:
    timing = {"cron_expression": "* * * * *", "timezone": "UTC", "timeout_seconds": 5, "jitter_seconds": 0}
    policy = {"misfire_policy": "LATEST", "misfire_window_seconds": 3600, "overlap_policy": "SKIP", "max_attempts": 3}
    given = {"name": "asks", "action": action, "payload": payload} | timing | policy | changes
    return schedules.create_schedule(given, requested_by=uuid4()).id


def asked(schedule_id: UUID) -> ScheduleRun:
    """The run after its action, before anybody answers."""
    executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    return runs_of(schedule_id)[-1]


def answered(schedule_id: UUID, broker: Broker | Answerers | None = None) -> ScheduleRun:
    """The run after the relay, the asked service, the clock and the scheduler's worker had their turn."""
    relay_batch(broker or Answerers(), lambda events: None)  # type: ignore[arg-type]
    for message in ANSWERS():
        actors.load()[message.actor_name].function(*message.args)
    return runs_of(schedule_id)[-1]


@pytest.fixture(autouse=True)
def _hints_are_lost(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the asked services tell their own workers afterwards is not of interest here."""
    monkeypatch.setattr(workers.integration, "_tell", lambda *_: None)


def test_a_run_goes_on_until_its_request_is_taken_in(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Coffee is ready"}
    found = scheduled("notification.send", payload)
    run = asked(found)
    assert (run.status, run.finished_at, emitted_events("schedule.completed")) == ("RUNNING", None, [])
    assert list(ANSWERS()) == []
    ended = answered(found)
    assert (ended.status, ended.error, ended.result) == ("SUCCEEDED", None, {"notificationRequest": str(run.id)})
    assert [fact.data["status"] for fact in emitted_events("schedule.completed")] == ["SUCCEEDED"]
    assert list(ANSWERS()) == []


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        (
            "notification.send",
            {"template": "no-such-template"},
            "Template no-such-template not found for channel IN_APP",
        ),
        ("notification.send", {"template": "password-reset"}, "/variables/link"),
        ("notification.send", {"userId": str(uuid4()), "content": "Hello?"}, "user not found"),
        ("integration.sync", {"integrationId": str(uuid4())}, "integration not found"),
    ],
)
def test_what_can_never_be_done_is_a_failed_run_that_says_why(
    as_user: AsUser, action: str, payload: dict[str, Any], reason: str
) -> None:
    if action == "notification.send":
        payload = {"userId": str(as_user().user.id), "channel": "IN_APP"} | payload
    owner = as_user().user.id
    found = scheduled(action, payload, on_failure={"user_id": str(owner)})
    asked(found)
    ended = answered(found)
    assert ended.status == "FAILED" and reason in (ended.error or "")
    assert (ended.attempts, ended.result) == (1, None), "it would be refused again"
    assert owner in {fact.user_id for fact in emitted_events("notification.send")}
    assert db.session.scalars(db.select(Inbox.status).where(Inbox.consumer == WHO_ANSWERS[action])).one() == "refused"


def test_a_request_that_nobody_could_digest_is_a_failed_run(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("broken")

    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    found = scheduled("notification.send", payload)
    asked(found)
    monkeypatch.setattr("heidi_services.notification.service.event_handlers.handle_notification_send", broken)
    with pytest.raises(RuntimeError):
        answered(found)
    assert runs_of(found)[-1].status == "RUNNING", "it is tried again"
    with transaction():
        last = {"attempts": MAX_ATTEMPTS - 1, "next_attempt_at": func.now()}
        db.session.execute(update(Inbox).values(last))
    with pytest.raises(RuntimeError):
        actors.load()["make_requested_notification"].function(str(emitted_events("notification.send")[0].id))
    ended = answered(found)
    assert (ended.status, ended.error) == ("FAILED", "RuntimeError: broken")


def test_an_answer_that_is_there_counts_though_nobody_looked_in_time(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    found = scheduled("notification.send", payload, max_attempts=1)
    asked(found)
    relay_batch(Answerers(), lambda events: None)  # type: ignore[arg-type]
    with transaction():
        db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
    reaper.reap_expired()
    assert runs_of(found)[-1].status == "RUNNING"
    assert answered(found).status == "SUCCEEDED"


def test_an_answer_to_an_earlier_attempt_does_not_end_a_later_one(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    found = scheduled("notification.send", payload, max_attempts=2)
    run = asked(found)
    with transaction():
        db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
    reaper.reap_expired()
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))
        db.session.execute(update(Schedule).values(action="event.emit", payload={"type": "custom.tea", "data": {}}))
    executor.execute_run(run.id)
    assert (runs_of(found)[-1].status, runs_of(found)[-1].awaits) == ("SUCCEEDED", None)


def test_a_request_that_is_not_answered_in_time_is_asked_once_and_waited_for_again(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    found = scheduled("notification.send", payload, max_attempts=2)
    run = asked(found)
    for status in ("QUEUED", "TIMED_OUT"):
        with transaction():
            db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
        reaper.reap_expired()
        assert runs_of(found)[-1].status == status
        with transaction():
            db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))
        executor.execute_run(run.id)
    assert len(emitted_events("notification.send")) == 1
    assert answered(found).status == "TIMED_OUT", "what was given up does not come back"
