"""Carrying out runs: outcomes, retries, time limits, and what others are told."""

from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from pytest_httpserver import HTTPServer
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, update
from werkzeug import Request, Response

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock
from heidi_common.runtime import current_runtime
from heidi_services.scheduler import service
from heidi_services.scheduler.actions import ActionFailed, Order, Outcome
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import run_results
from tests.polling import PATIENCE, until
from tests.scheduler.conftest import MakeSchedule, facts, runs


def run_once(schedule_id: UUID) -> ScheduleRun:
    """Start by hand, carry out, and look."""
    service.run(service.run_now(schedule_id, by=uuid4()).id)
    return runs(schedule_id)[-1]


def change_runs(**values: Any) -> None:
    with transaction():
        db.session.execute(update(ScheduleRun).values(**values))


def make_due() -> None:
    change_runs(next_attempt_at=func.now(), hinted_until=func.now())


def order_of(run: ScheduleRun) -> Order:
    return Order(run.id, run.schedule_id, "x", run.scheduled_for, run.attempts, 5, None)


def test_a_fact_of_ones_own_is_said_with_the_end_of_the_run(schedule: MakeSchedule) -> None:
    found = schedule(payload={"type": "custom.report", "data": {"n": 1}})
    run = run_once(found)
    assert (run.status, run.attempts, run.result) == ("SUCCEEDED", 1, {"type": "custom.report"})
    (fact,) = facts("custom.report")
    assert fact.data["payload"] == {"n": 1}
    (completed,) = facts("schedule.completed")
    assert completed.data == {"id": str(run.id), "scheduleId": str(found), "status": "SUCCEEDED"}


def test_a_run_is_carried_out_once_however_often_its_message_arrives(schedule: MakeSchedule) -> None:
    run = run_once(schedule())
    for _ in range(3):
        service.run(run.id)
    assert len(facts("custom.tick")) == 1
    assert len(facts("schedule.completed")) == 1


def test_a_notification_is_asked_for_with_its_text_sealed(schedule: MakeSchedule) -> None:
    user = uuid4()
    payload = {"userId": str(user), "channel": "EMAIL", "subject": "Good morning", "content": "Coffee is ready"}
    run_once(schedule(action="notification.send", payload=payload))
    (fact,) = facts("notification.send")
    assert fact.user_id == user
    assert "Coffee" not in str(fact.data)
    assert fact.decrypt_secret_data() == {"subject": "Good morning", "content": "Coffee is ready"}


def test_a_synchronisation_and_an_operation_are_asked_for(schedule: MakeSchedule) -> None:
    integration = uuid4()
    run_once(schedule(action="integration.sync", payload={"integrationId": str(integration)}))
    assert [fact.subject for fact in facts("integration.sync")] == [str(integration)]
    payload = {"type": "broadcast", "input": {"message": {"content": "hello"}}}
    run = run_once(schedule(action="core.operation", payload=payload))
    (fact,) = facts("core.operation")
    assert (fact.subject, fact.data["operation"]) == (str(run.id), "broadcast")
    assert fact.decrypt_secret_data() == {"input": {"message": {"content": "hello"}}}


def test_a_call_carries_the_runs_key_and_its_answer_is_kept(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response("pong\x00", 201)

    httpserver.expect_request("/ping", method="POST").respond_with_handler(answer)
    payload = {"method": "POST", "url": httpserver.url_for("/ping"), "json": {"a": 1}, "headers": {"X-Token": "t"}}
    run = run_once(schedule(action="http.request", payload=payload))
    assert run.status == "SUCCEEDED" and run.result == {"statusCode": 201, "body": "pong\N{REPLACEMENT CHARACTER}"}
    assert seen[0].headers["Idempotency-Key"] == str(run.id)
    assert seen[0].headers["X-Token"] == "t"
    assert seen[0].json == {"a": 1}


@pytest.mark.parametrize("seconds", ["5", 5.0, 5.5])
def test_a_call_whose_seconds_were_saved_in_an_older_form_still_runs(
    schedule: MakeSchedule, httpserver: HTTPServer, seconds: object
) -> None:
    httpserver.expect_request("/ping").respond_with_data("pong")
    payload = {"url": httpserver.url_for("/ping")}
    found = schedule(action="http.request", payload=payload, timeout_seconds=60)
    with transaction():
        db.session.execute(update(Schedule).values(payload=payload | {"timeoutSeconds": seconds}))
    run = run_once(found)
    assert (run.status, run.error) == ("SUCCEEDED", None)


def test_a_private_address_is_never_called(schedule: MakeSchedule) -> None:
    found = schedule(action="http.request", payload={"url": "https://c.test/"}, max_attempts=3)
    with transaction():  # as one that was saved when other networks were allowed
        db.session.execute(update(Schedule).values(payload={"url": "http://10.0.0.1/"}))
    run = run_once(found)
    assert (run.status, run.attempts) == ("FAILED", 1)


def test_a_refusal_is_final_and_a_server_error_is_tried_again(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/no").respond_with_data("nope", status=404)
    httpserver.expect_request("/later").respond_with_data("busy", status=503)
    no = run_once(schedule(action="http.request", payload={"url": httpserver.url_for("/no")}, max_attempts=3))
    assert (no.status, no.attempts, no.error) == ("FAILED", 1, "the answer was 404: nope")
    found = schedule(action="http.request", payload={"url": httpserver.url_for("/later")}, max_attempts=2)
    later = run_once(found)
    assert (later.status, later.attempts) == ("QUEUED", 1)
    service.run(later.id)
    assert runs(found)[0].attempts == 1, "not before its time"
    make_due()
    service.run(later.id)
    assert (runs(found)[0].status, runs(found)[0].attempts) == ("FAILED", 2)


def test_an_answer_that_does_not_come_is_timed_out(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    given_up = Event()

    def slow(_: Request) -> Response:
        given_up.wait(PATIENCE)
        return Response("late")

    httpserver.expect_request("/slow").respond_with_handler(slow)
    payload = {"url": httpserver.url_for("/slow")}
    run = run_once(schedule(action="http.request", payload=payload, timeout_seconds=1))
    given_up.set()
    assert run.status == "TIMED_OUT"
    until(lambda: httpserver.log)  # it is written down late: not into the next test's log


def test_a_failed_run_is_told_to_its_owner_once(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/no").respond_with_data("", status=404)
    owner = uuid4()
    found = schedule(
        name="a\r\nb",
        action="http.request",
        payload={"url": httpserver.url_for("/no")},
        on_failure={"user_id": str(owner), "channel": "IN_APP"},
    )
    run_once(found)
    (fact,) = facts("notification.send")
    assert (fact.user_id, fact.data["channel"], fact.data["notificationType"]) == (owner, "IN_APP", "ERROR")
    assert fact.decrypt_secret_data()["subject"] == "Schedule a b failed"
    assert [fact.data["status"] for fact in facts("schedule.completed")] == ["FAILED"]
    assert db.session.get_one(Schedule, found).last_run_status == "FAILED"


def test_an_action_that_breaks_is_a_failed_run(schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Outcome:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("heidi_services.scheduler.service.executor.perform", broken)
    run = run_once(schedule())
    assert (run.status, run.error) == ("FAILED", "internal error (RuntimeError)")


def test_a_run_whose_worker_is_gone_is_tried_again_and_then_timed_out(schedule: MakeSchedule) -> None:
    found = schedule(max_attempts=2)
    run = service.run_now(found, by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() + timedelta(minutes=1))
    service.reap()
    assert runs(found)[0].status == "RUNNING", "its time is not up"
    change_runs(locked_until=func.now() - timedelta(seconds=1))
    service.reap()
    assert runs(found)[0].status == "QUEUED"
    change_runs(status="RUNNING", attempts=2, locked_until=func.now() - timedelta(seconds=1))
    service.reap()
    assert runs(found)[0].status == "TIMED_OUT"
    assert [fact.subject for fact in facts("schedule.completed")] == [str(run.id)]


def test_a_worker_that_was_given_up_changes_nothing_when_it_comes_back(schedule: MakeSchedule) -> None:
    found = schedule(max_attempts=3)
    service.run_now(found, by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() - timedelta(seconds=1))
    late = order_of(runs(found)[0])
    service.reap()
    make_due()
    service.run(late.run_id)
    assert runs(found)[0].status == "SUCCEEDED"
    assert run_results.fail(late, ActionFailed("late")) is False
    assert run_results.succeed(late, Outcome({"late": True})) is False
    assert runs(found)[0].result == {"type": "custom.tick"}
    assert len(facts("schedule.completed")) == 1


def test_runs_of_one_schedule_do_not_start_while_another_is_going(schedule: MakeSchedule) -> None:
    found = schedule(overlap_policy="QUEUE_ONE")
    first = service.run_now(found, by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() + timedelta(minutes=1))
    second = service.run_now(found, by=uuid4())
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id == second.id).values(next_attempt_at=func.now()))
    service.run(second.id)
    assert [run.status for run in runs(found)] == ["RUNNING", "QUEUED"]
    run_results.succeed(order_of(runs(found)[0]), Outcome({}))
    assert runs(found)[0].id == first.id and service.overdue(5) == [second.id]
    service.run(second.id)
    assert runs(found)[1].status == "SUCCEEDED"


def test_the_lock_keeps_a_second_worker_out_and_its_absence_stops_nothing(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = schedule()
    run = service.run_now(found, by=uuid4())
    with Lock(redis_client(), f"schedule:{found}", ttl=30):
        service.run(run.id)
        assert (runs(found)[0].status, runs(found)[0].attempts) == ("QUEUED", 0)
    make_due()
    nobody = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setitem(current_runtime().instances, redis_client, nobody)
    service.run(run.id)
    assert runs(found)[0].status == "SUCCEEDED"


def test_a_run_of_a_deleted_schedule_does_nothing(schedule: MakeSchedule) -> None:
    found = schedule()
    run_id = service.run_now(found, by=uuid4()).id
    service.remove(found, version=None, by=uuid4())
    service.run(run_id)
    assert facts("custom.tick") == []


def test_a_run_by_hand_follows_the_overlap_policy(schedule: MakeSchedule) -> None:
    found = schedule()
    service.run_now(found, by=uuid4())
    assert service.run_now(found, by=uuid4()).status == "SKIPPED"


def test_old_runs_are_forgotten_and_open_ones_are_not(schedule: MakeSchedule) -> None:
    found = schedule(overlap_policy="ALLOW")
    run_once(found)
    service.run_now(found, by=uuid4())
    long_ago = func.now() - timedelta(days=91)
    change_runs(created_at=long_ago)
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.finished_at.is_not(None)).values(finished_at=long_ago))
    service.prune()
    assert [run.status for run in runs(found)] == ["QUEUED"]
