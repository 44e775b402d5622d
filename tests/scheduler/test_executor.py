"""Execution of runs: results, retries, time limits, and failure notifications."""

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
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import retention, schedules
from heidi_services.scheduler.service.runs import executor, manual_runs, reaper, run_results
from tests.polling import TIMEOUT_SECONDS, until
from tests.scheduler.conftest import MakeSchedule, emitted_events, runs_of


def run_once(schedule_id: UUID) -> ScheduleRun:
    """Run a schedule by hand and execute the run."""
    executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    return runs_of(schedule_id)[-1]


def change_runs(**values: Any) -> None:
    with transaction():
        db.session.execute(update(ScheduleRun).values(**values))


def make_due() -> None:
    change_runs(next_attempt_at=func.now(), hinted_until=func.now())


def context_of(run: ScheduleRun) -> RunContext:
    return RunContext(run.id, run.schedule_id, run.scheduled_for, run.attempts, 5, None, created_by=uuid4())


def test_a_custom_event_is_emitted_with_the_end_of_the_run(schedule: MakeSchedule) -> None:
    schedule_id = schedule(payload={"type": "custom.report", "data": {"n": 1}})
    run = run_once(schedule_id)
    assert (run.status, run.attempts, run.result) == ("SUCCEEDED", 1, {"type": "custom.report"})
    (event,) = emitted_events("custom.report")
    assert event.data["payload"] == {"n": 1}
    (completed,) = emitted_events("schedule.completed")
    assert completed.data == {"id": str(run.id), "scheduleId": str(schedule_id), "status": "SUCCEEDED"}


def test_a_run_is_executed_once_however_often_its_message_arrives(schedule: MakeSchedule) -> None:
    run = run_once(schedule())
    for _ in range(3):
        executor.execute_run(run.id)
    assert len(emitted_events("custom.tick")) == 1
    assert len(emitted_events("schedule.completed")) == 1


def test_a_notification_is_requested_with_its_text_encrypted(schedule: MakeSchedule) -> None:
    user = uuid4()
    payload = {"userId": str(user), "channel": "EMAIL", "subject": "Good morning", "content": "Coffee is ready"}
    run_once(schedule(action="notification.send", payload=payload))
    (event,) = emitted_events("notification.send")
    assert event.user_id == user
    assert "Coffee" not in str(event.data)
    assert event.decrypt_secret_data() == {"subject": "Good morning", "content": "Coffee is ready"}


def test_a_synchronization_and_an_operation_are_requested(schedule: MakeSchedule) -> None:
    integration = uuid4()
    run_once(schedule(action="integration.sync", payload={"integrationId": str(integration)}))
    assert [event.subject for event in emitted_events("integration.sync")] == [str(integration)]
    payload = {"type": "broadcast", "input": {"message": {"content": "hello"}}}
    run = run_once(schedule(action="core.operation", payload=payload))
    (event,) = emitted_events("core.operation")
    assert (event.subject, event.data["operation"]) == (str(run.id), "broadcast")
    assert event.decrypt_secret_data() == {"input": {"message": {"content": "hello"}}}


def test_a_request_carries_the_idempotency_key_of_the_run_and_its_response_is_stored(
    schedule: MakeSchedule, httpserver: HTTPServer
) -> None:
    requests: list[Request] = []

    def respond(request: Request) -> Response:
        requests.append(request)
        return Response("pong\x00", 201)

    httpserver.expect_request("/ping", method="POST").respond_with_handler(respond)
    payload = {"method": "POST", "url": httpserver.url_for("/ping"), "json": {"a": 1}, "headers": {"X-Token": "t"}}
    run = run_once(schedule(action="http.request", payload=payload))
    assert run.status == "SUCCEEDED" and run.result == {"statusCode": 201, "body": "pong\N{REPLACEMENT CHARACTER}"}
    assert requests[0].headers["Idempotency-Key"] == str(run.id)
    assert requests[0].headers["X-Token"] == "t"
    assert requests[0].json == {"a": 1}


@pytest.mark.parametrize("seconds", ["5", 5.0, 5.5])
def test_a_timeout_that_was_stored_in_an_older_form_is_still_accepted(
    schedule: MakeSchedule, httpserver: HTTPServer, seconds: object
) -> None:
    httpserver.expect_request("/ping").respond_with_data("pong")
    payload = {"url": httpserver.url_for("/ping")}
    schedule_id = schedule(action="http.request", payload=payload, timeout_seconds=60)
    with transaction():
        db.session.execute(update(Schedule).values(payload=payload | {"timeoutSeconds": seconds}))
    run = run_once(schedule_id)
    assert (run.status, run.error) == ("SUCCEEDED", None)


def test_a_private_address_is_never_called(schedule: MakeSchedule) -> None:
    schedule_id = schedule(action="http.request", payload={"url": "https://c.test/"}, max_attempts=3)
    with transaction():  # stored when private networks were allowed
        db.session.execute(update(Schedule).values(payload={"url": "http://10.0.0.1/"}))
    run = run_once(schedule_id)
    assert (run.status, run.attempts) == ("FAILED", 1)


def test_a_client_error_is_final_and_a_server_error_is_retried(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/no").respond_with_data("nope", status=404)
    httpserver.expect_request("/later").respond_with_data("busy", status=503)
    no = run_once(schedule(action="http.request", payload={"url": httpserver.url_for("/no")}, max_attempts=3))
    assert (no.status, no.attempts, no.error) == ("FAILED", 1, "the response status was 404: nope")
    schedule_id = schedule(action="http.request", payload={"url": httpserver.url_for("/later")}, max_attempts=2)
    later = run_once(schedule_id)
    assert (later.status, later.attempts) == ("QUEUED", 1)
    executor.execute_run(later.id)
    assert runs_of(schedule_id)[0].attempts == 1, "the retry is not due yet"
    make_due()
    executor.execute_run(later.id)
    assert (runs_of(schedule_id)[0].status, runs_of(schedule_id)[0].attempts) == ("FAILED", 2)


def test_a_response_that_does_not_arrive_times_the_run_out(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    timed_out = Event()

    def slow(_: Request) -> Response:
        timed_out.wait(TIMEOUT_SECONDS)
        return Response("late")

    httpserver.expect_request("/slow").respond_with_handler(slow)
    payload = {"url": httpserver.url_for("/slow")}
    run = run_once(schedule(action="http.request", payload=payload, timeout_seconds=1))
    timed_out.set()
    assert run.status == "TIMED_OUT"
    until(lambda: httpserver.log)  # the server logs the request late: wait, or the next test sees it


def test_the_owner_is_notified_of_a_failed_run_once(schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/no").respond_with_data("", status=404)
    owner = uuid4()
    schedule_id = schedule(
        name="a\r\nb",
        action="http.request",
        payload={"url": httpserver.url_for("/no")},
        on_failure={"user_id": str(owner), "channel": "IN_APP"},
    )
    run_once(schedule_id)
    (event,) = emitted_events("notification.send")
    assert (event.user_id, event.data["channel"], event.data["notificationType"]) == (owner, "IN_APP", "ERROR")
    assert event.decrypt_secret_data()["subject"] == "Schedule a b failed"
    assert [event.data["status"] for event in emitted_events("schedule.completed")] == ["FAILED"]
    assert db.session.get_one(Schedule, schedule_id).last_run_status == "FAILED"


def test_an_action_that_raises_an_exception_is_a_failed_run(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> ActionResult:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("heidi_services.scheduler.service.runs.executor.perform_action", broken)
    run = run_once(schedule())
    assert (run.status, run.error) == ("FAILED", "internal error (RuntimeError)")


def test_a_run_whose_worker_is_gone_is_retried_and_then_timed_out(schedule: MakeSchedule) -> None:
    schedule_id = schedule(max_attempts=2)
    run = manual_runs.run_now(schedule_id, requested_by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() + timedelta(minutes=1))
    reaper.reap_expired()
    assert runs_of(schedule_id)[0].status == "RUNNING", "its lease has not expired"
    change_runs(locked_until=func.now() - timedelta(seconds=1))
    reaper.reap_expired()
    assert runs_of(schedule_id)[0].status == "QUEUED"
    change_runs(status="RUNNING", attempts=2, locked_until=func.now() - timedelta(seconds=1))
    reaper.reap_expired()
    assert runs_of(schedule_id)[0].status == "TIMED_OUT"
    assert [event.subject for event in emitted_events("schedule.completed")] == [str(run.id)]


def test_a_worker_whose_lease_has_expired_changes_nothing_when_it_reports_late(schedule: MakeSchedule) -> None:
    schedule_id = schedule(max_attempts=3)
    manual_runs.run_now(schedule_id, requested_by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() - timedelta(seconds=1))
    late = context_of(runs_of(schedule_id)[0])
    reaper.reap_expired()
    make_due()
    executor.execute_run(late.run_id)
    assert runs_of(schedule_id)[0].status == "SUCCEEDED"
    assert run_results.record_failure(late, ActionFailed("late")) is False
    assert run_results.record_result(late, ActionResult({"late": True})) is False
    assert runs_of(schedule_id)[0].result == {"type": "custom.tick"}
    assert len(emitted_events("schedule.completed")) == 1


def test_a_run_does_not_start_while_another_run_of_the_schedule_is_running(schedule: MakeSchedule) -> None:
    schedule_id = schedule(overlap_policy="QUEUE_ONE")
    first = manual_runs.run_now(schedule_id, requested_by=uuid4())
    change_runs(status="RUNNING", attempts=1, started_at=func.now(), locked_until=func.now() + timedelta(minutes=1))
    second = manual_runs.run_now(schedule_id, requested_by=uuid4())
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id == second.id).values(next_attempt_at=func.now()))
    executor.execute_run(second.id)
    assert [run.status for run in runs_of(schedule_id)] == ["RUNNING", "QUEUED"]
    run_results.record_result(context_of(runs_of(schedule_id)[0]), ActionResult({}))
    assert runs_of(schedule_id)[0].id == first.id and reaper.overdue_runs(5) == [second.id]
    executor.execute_run(second.id)
    assert runs_of(schedule_id)[1].status == "SUCCEEDED"


def test_the_lock_excludes_a_second_worker_and_runs_go_on_without_redis(
    schedule: MakeSchedule, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/ping").respond_with_data("pong")
    schedule_id = schedule(action="http.request", payload={"url": httpserver.url_for("/ping")})
    run = manual_runs.run_now(schedule_id, requested_by=uuid4())
    with Lock(redis_client(), f"schedule:{schedule_id}", ttl=30):
        executor.execute_run(run.id)
        assert (runs_of(schedule_id)[0].status, runs_of(schedule_id)[0].attempts) == ("QUEUED", 0)
    make_due()
    unreachable = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setitem(current_runtime().instances, redis_client, unreachable)
    executor.execute_run(run.id)
    assert runs_of(schedule_id)[0].status == "SUCCEEDED"


def test_a_run_of_a_deleted_schedule_does_nothing(schedule: MakeSchedule) -> None:
    schedule_id = schedule()
    run_id = manual_runs.run_now(schedule_id, requested_by=uuid4()).id
    schedules.delete_schedule(schedule_id, version=None, requested_by=uuid4())
    executor.execute_run(run_id)
    assert emitted_events("custom.tick") == []


def test_a_manual_run_follows_the_overlap_policy(schedule: MakeSchedule) -> None:
    schedule_id = schedule()
    manual_runs.run_now(schedule_id, requested_by=uuid4())
    assert manual_runs.run_now(schedule_id, requested_by=uuid4()).status == "SKIPPED"


def test_old_runs_are_deleted_and_open_runs_are_kept(schedule: MakeSchedule) -> None:
    schedule_id = schedule(overlap_policy="ALLOW")
    run_once(schedule_id)
    manual_runs.run_now(schedule_id, requested_by=uuid4())
    long_ago = func.now() - timedelta(days=91)
    change_runs(created_at=long_ago)
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.finished_at.is_not(None)).values(finished_at=long_ago))
    retention.delete_expired()
    assert [run.status for run in runs_of(schedule_id)] == ["QUEUED"]
