"""A schedule whose action is a request to another service: its run ends with the reply of that service."""

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
from heidi_services.scheduler.service import schedules
from heidi_services.scheduler.service.runs import executor, manual_runs, reaper
from tests.conftest import SignedIn
from tests.scheduler.conftest import emitted_events, runs_of
from workers import actors
from workers.periodic_tasks import PERIODIC_TASKS
from workers.relay import relay_batch

AsUser = Callable[..., SignedIn]
REPLIES = next(task.poll for task in PERIODIC_TASKS if task.name == "schedule answers")
CONSUMERS = {
    "notification.send": "make_requested_notification",
    "integration.sync": "accept_sync",
    "core.operation": "accept_operation",
}


class RequestBroker:
    """A broker that runs only the consumers of requests, synchronously."""

    def enqueue(self, message: Message[Any]) -> None:
        if message.actor_name in CONSUMERS.values():
            actors.load()[message.actor_name].function(*message.args)


def create_schedule(action: str, payload: dict[str, Any], **changes: Any) -> UUID:
    timing = {"cron_expression": "* * * * *", "timezone": "UTC", "timeout_seconds": 5, "jitter_seconds": 0}
    policy = {"misfire_policy": "LATEST", "misfire_window_seconds": 3600, "overlap_policy": "SKIP", "max_attempts": 3}
    values = {"name": "asks", "action": action, "payload": payload} | timing | policy | changes
    return schedules.create_schedule(values, requested_by=uuid4()).id


def run_action(schedule_id: UUID) -> ScheduleRun:
    """Run the action of a schedule; returns the run, whose request has no reply yet."""
    executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    return runs_of(schedule_id)[-1]


def handle_request(schedule_id: UUID, broker: Broker | RequestBroker | None = None) -> ScheduleRun:
    """Let the relay, the requested service, the clock and the scheduler's worker act; returns the run."""
    relay_batch(broker or RequestBroker(), lambda events: None)  # type: ignore[arg-type]
    for message in REPLIES():
        actors.load()[message.actor_name].function(*message.args)
    return runs_of(schedule_id)[-1]


@pytest.fixture(autouse=True)
def _hints_are_lost(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop the wake-up messages that the requested services send afterwards."""
    monkeypatch.setattr(workers.integration, "_wake", lambda *_: None)


def test_a_run_continues_until_its_request_is_handled(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Coffee is ready"}
    schedule_id = create_schedule("notification.send", payload)
    run = run_action(schedule_id)
    assert (run.status, run.finished_at, emitted_events("schedule.completed")) == ("RUNNING", None, [])
    assert list(REPLIES()) == []
    ended = handle_request(schedule_id)
    assert (ended.status, ended.error, ended.result) == ("SUCCEEDED", None, {"notificationRequest": str(run.id)})
    assert [event.data["status"] for event in emitted_events("schedule.completed")] == ["SUCCEEDED"]
    assert list(REPLIES()) == []


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
def test_a_rejected_request_fails_the_run_with_the_reason(
    as_user: AsUser, action: str, payload: dict[str, Any], reason: str
) -> None:
    if action == "notification.send":
        payload = {"userId": str(as_user().user.id), "channel": "IN_APP"} | payload
    owner = as_user().user.id
    schedule_id = create_schedule(action, payload, on_failure={"user_id": str(owner)})
    run_action(schedule_id)
    ended = handle_request(schedule_id)
    assert ended.status == "FAILED" and reason in (ended.error or "")
    assert (ended.attempts, ended.result) == (1, None), "it would be rejected again"
    assert owner in {event.user_id for event in emitted_events("notification.send")}
    assert db.session.scalars(db.select(Inbox.status).where(Inbox.consumer == CONSUMERS[action])).one() == "refused"


def test_a_request_whose_consumer_gave_up_fails_the_run(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("broken")

    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    schedule_id = create_schedule("notification.send", payload)
    run_action(schedule_id)
    monkeypatch.setattr("heidi_services.notification.service.event_handlers.handle_notification_send", broken)
    with pytest.raises(RuntimeError):
        handle_request(schedule_id)
    assert runs_of(schedule_id)[-1].status == "RUNNING", "the consumer will be called again"
    with transaction():
        last = {"attempts": MAX_ATTEMPTS - 1, "next_attempt_at": func.now()}
        db.session.execute(update(Inbox).values(last))
    with pytest.raises(RuntimeError):
        actors.load()["make_requested_notification"].function(str(emitted_events("notification.send")[0].id))
    ended = handle_request(schedule_id)
    assert (ended.status, ended.error) == ("FAILED", "RuntimeError: broken")


def test_a_reply_counts_even_if_the_clock_sees_it_after_the_deadline(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    schedule_id = create_schedule("notification.send", payload, max_attempts=1)
    run_action(schedule_id)
    relay_batch(RequestBroker(), lambda events: None)  # type: ignore[arg-type]
    with transaction():
        db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
    reaper.reap_expired()
    assert runs_of(schedule_id)[-1].status == "RUNNING"
    assert handle_request(schedule_id).status == "SUCCEEDED"


def test_a_reply_to_an_earlier_attempt_does_not_end_a_later_one(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    schedule_id = create_schedule("notification.send", payload, max_attempts=2)
    run = run_action(schedule_id)
    with transaction():
        db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
    reaper.reap_expired()
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))
        db.session.execute(update(Schedule).values(action="event.emit", payload={"type": "custom.tea", "data": {}}))
    executor.execute_run(run.id)
    assert (runs_of(schedule_id)[-1].status, runs_of(schedule_id)[-1].awaits) == ("SUCCEEDED", None)


def test_a_request_without_a_reply_in_time_is_sent_once_and_awaited_again(as_user: AsUser) -> None:
    payload = {"userId": str(as_user().user.id), "channel": "IN_APP", "content": "Hello"}
    schedule_id = create_schedule("notification.send", payload, max_attempts=2)
    run = run_action(schedule_id)
    for status in ("QUEUED", "TIMED_OUT"):
        with transaction():
            db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))
        reaper.reap_expired()
        assert runs_of(schedule_id)[-1].status == status
        with transaction():
            db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))
        executor.execute_run(run.id)
    assert len(emitted_events("notification.send")) == 1
    assert handle_request(schedule_id).status == "TIMED_OUT", "a late reply does not revive the run"
