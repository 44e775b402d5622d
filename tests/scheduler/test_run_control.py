"""List, cancel and retry runs; backfills; concurrency limits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, update
from werkzeug import Request, Response

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch, schedules
from heidi_services.scheduler.service.backfill import backfill_schedule
from heidi_services.scheduler.service.runs import executor, manual_runs, reaper, run_control
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, emitted_events, rare_expression, runs_of, set_next

BASE = "/api/v1/schedules"
MINUTE = timedelta(minutes=1)
CORE_OPERATION = {"action": "core.operation", "payload": {"type": "broadcast", "input": {"message": {"content": "x"}}}}


def run_now(schedule_id: UUID) -> UUID:
    return manual_runs.run_now(schedule_id, requested_by=uuid4()).id


def statuses(schedule_id: UUID) -> list[str]:
    return [run.status for run in runs_of(schedule_id)]


def end_runs(status: str, **values: Any) -> None:
    with transaction():
        db.session.execute(update(ScheduleRun).values(status=status, finished_at=func.now(), **values))


def test_runs_of_all_schedules_are_filtered(schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str]) -> None:
    first, second = schedule(overlap_policy="ALLOW"), schedule(**CORE_OPERATION)
    run_now(first), run_now(second)
    end_runs("FAILED")
    run_now(first)

    def found(**query: Any) -> list[str]:
        response = client.get(f"{BASE}/runs", query_string=query, headers=admin)
        assert response.status_code == 200, response.json
        return [run["scheduleId"] for run in response.json["data"]]

    assert len(found()) == 3
    assert found(status="FAILED") == [str(second), str(first)]
    assert len(found(status="FAILED,QUEUED", trigger="MANUAL")) == 3
    assert found(action="core.operation") == [str(second)]
    assert found(scheduleId=str(first), status="QUEUED") == [str(first)]
    assert found(to="2020-01-01T00:00:00Z") == found(**{"from": "2190-01-01T00:00:00Z"}) == []
    for wrong in ({"status": "FAILED,BROKEN"}, {"status": ""}, {"trigger": "X"}, {"from": "yesterday"}):
        assert client.get(f"{BASE}/runs", query_string=wrong, headers=admin).status_code == 422


@pytest.mark.parametrize("role", [Role.USER])
def test_others_see_the_runs_of_their_own_schedules(
    schedule: MakeSchedule, client: FlaskClient, as_user: Callable[..., Any], role: Role
) -> None:
    user = as_user(role)
    own, _ = schedule(), run_now(schedule())
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == own).values(created_by=user.user.id))
    run_now(own)
    response = client.get(f"{BASE}/runs", headers=user.headers)
    assert [run["scheduleId"] for run in response.json["data"]] == [str(own)]


def test_a_queued_run_is_cancelled_at_once_and_the_next_one_starts(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str]
) -> None:
    schedule_id = schedule(overlap_policy="QUEUE_ONE")
    first, second = run_now(schedule_id), run_now(schedule_id)
    response = client.post(f"{BASE}/{schedule_id}/runs/{first}/cancel", headers=admin)
    assert (response.status_code, response.json["data"]["status"]) == (200, "CANCELLED")
    assert reaper.overdue_runs(10) == [second]
    assert [event.data["status"] for event in emitted_events("schedule.completed")] == ["CANCELLED"]
    executor.execute_run(first)
    executor.execute_run(second)
    assert statuses(schedule_id) == ["CANCELLED", "SUCCEEDED"]
    row = db.session.get_one(Schedule, schedule_id, populate_existing=True)
    assert (row.run_count, row.last_run_status) == (1, "SUCCEEDED")
    again = client.post(f"{BASE}/{schedule_id}/runs/{first}/cancel", headers=admin)
    assert again.status_code == 409
    assert client.post(f"{BASE}/{schedule_id}/runs/{uuid4()}/cancel", headers=admin).status_code == 404


def test_a_run_that_awaits_a_reply_is_cancelled_at_once(schedule: MakeSchedule) -> None:
    schedule_id = schedule(**CORE_OPERATION)
    run_id = run_now(schedule_id)
    executor.execute_run(run_id)
    assert statuses(schedule_id) == ["RUNNING"]
    run_control.cancel_run(schedule_id, run_id, requested_by=uuid4())
    assert statuses(schedule_id) == ["CANCELLED"]


def test_a_slow_call_ends_when_its_run_is_cancelled(app: Flask, schedule: MakeSchedule, httpserver: HTTPServer) -> None:
    called, release = Event(), Event()

    def slow(_request: Request) -> Response:
        called.set()
        release.wait(60)
        return Response("late")

    httpserver.expect_request("/slow").respond_with_handler(slow)
    payload = {"url": httpserver.url_for("/slow")}
    schedule_id = schedule(action="http.request", payload=payload, timeout_seconds=50, max_attempts=3)
    run_id = run_now(schedule_id)

    def work() -> None:
        with app.app_context():
            executor.execute_run(run_id)

    worker = Thread(target=work)
    worker.start()
    try:
        assert called.wait(30)
        run = run_control.cancel_run(schedule_id, run_id, requested_by=uuid4())
        assert (run.status, run.cancel_requested) == ("RUNNING", True)
        db.session.rollback()
        until(lambda: statuses(schedule_id) == ["CANCELLED"])
    finally:
        release.set()
        worker.join(60)
    assert emitted_events("notification.send") == []


def test_a_cancelled_run_whose_worker_was_killed_is_not_retried(schedule: MakeSchedule) -> None:
    schedule_id = schedule(max_attempts=5)
    run_now(schedule_id)
    now = func.now() - MINUTE
    with transaction():
        changes = {"status": "RUNNING", "attempts": 1, "locked_until": now, "cancel_requested_at": now}
        db.session.execute(update(ScheduleRun).values(**changes))
    reaper.reap_expired()
    assert statuses(schedule_id) == ["CANCELLED"]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED"])
def test_a_run_that_did_not_succeed_is_queued_again(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str], status: str
) -> None:
    schedule_id = schedule()
    run_id = run_now(schedule_id)
    end_runs(status, attempts=3, error="no")
    response = client.post(f"{BASE}/{schedule_id}/runs/{run_id}/retry", headers=admin)
    assert response.status_code == 202
    run = response.json["data"]
    assert (run["id"], run["status"], run["attempt"], run["reruns"], run["error"]) == (
        str(run_id),
        "QUEUED",
        0,
        1,
        None,
    )
    executor.execute_run(run_id)
    assert statuses(schedule_id) == ["SUCCEEDED"]
    assert len(emitted_events("schedule.execute")) == 2
    assert client.post(f"{BASE}/{schedule_id}/runs/{run_id}/retry", headers=admin).status_code == 409


def test_receivers_see_another_id_after_a_retry(schedule: MakeSchedule) -> None:
    schedule_id = schedule(**CORE_OPERATION)
    run_id = run_now(schedule_id)
    executor.execute_run(run_id)
    end_runs("FAILED")
    run_control.retry_run(schedule_id, run_id, requested_by=uuid4())
    executor.execute_run(run_id)
    subjects = [event.subject for event in emitted_events("core.operation")]
    assert len(subjects) == len(set(subjects)) == 2 and str(run_id) in subjects


def test_a_backfill_does_not_delay_slots_and_can_be_cancelled(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str]
) -> None:
    schedule_id = schedule(is_enabled=True, cron_expression="*/3 * * * *")
    end = datetime.now(UTC).replace(second=0, microsecond=0) - 10 * MINUTE
    result = backfill_schedule(schedule_id, end - 90 * MINUTE, end, requested_by=uuid4())
    assert result.runs >= 30
    oldest = runs_of(schedule_id)[0]
    with transaction():
        changes = {"status": "RUNNING", "attempts": 1, "locked_until": func.now() + MINUTE}
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id == oldest.id).values(**changes))
    live = run_now(schedule_id)
    executor.execute_run(live)
    assert statuses(schedule_id)[-1] == "SUCCEEDED"
    response = client.post(f"{BASE}/{schedule_id}/backfill/cancel", headers=admin)
    assert response.json["data"]["runs"] == result.runs
    assert statuses(schedule_id) == ["RUNNING"] + ["CANCELLED"] * (result.runs - 1) + ["SUCCEEDED"]
    assert client.post(f"{BASE}/{schedule_id}/backfill/cancel", headers=admin).json["data"]["runs"] == 0


def test_a_backfill_stops_when_its_schedule_is_disabled(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str]
) -> None:
    ids = [schedule(is_enabled=True) for _ in range(2)]
    end = datetime.now(UTC) - 20 * MINUTE
    for schedule_id in ids:
        backfill_schedule(schedule_id, end - 5 * MINUTE, end, requested_by=uuid4())
    client.post(f"{BASE}/{ids[0]}/disable", headers=admin)
    client.patch(f"{BASE}/{ids[1]}", json={"isEnabled": False}, headers=admin)
    assert {status for schedule_id in ids for status in statuses(schedule_id)} == {"CANCELLED"}


def test_disabling_a_schedule_without_a_backfill_records_no_cancelled_backfill(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str]
) -> None:
    schedule_id = schedule(is_enabled=True)
    client.post(f"{BASE}/{schedule_id}/disable", headers=admin)
    client.post(f"{BASE}/{schedule_id}/backfill/cancel", headers=admin)
    db.session.rollback()
    actions = db.session.scalars(select(Audit.action).where(Audit.target == str(schedule_id)))
    assert "schedule_backfill_cancelled" not in set(actions)


@pytest.mark.parametrize("rerun", [["FAILED"], ["SKIPPED", "FAILED"], ["TIMED_OUT"], []])
def test_a_backfill_queues_runs_again_that_are_asked_for(
    schedule: MakeSchedule, client: FlaskClient, admin: dict[str, str], rerun: list[str]
) -> None:
    schedule_id = schedule(is_enabled=True)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - 30 * MINUTE
    existing = ["FAILED", "SKIPPED", "TIMED_OUT", "SUCCEEDED"]
    backfill_schedule(schedule_id, start, start + 3 * MINUTE, requested_by=uuid4())
    for run, status in zip(runs_of(schedule_id), existing, strict=True):
        with transaction():
            db.session.execute(update(ScheduleRun).where(ScheduleRun.id == run.id).values(status=status, attempts=2))
    body = {"from": start.isoformat(), "to": (start + 3 * MINUTE).isoformat(), "rerun": rerun}
    response = client.post(f"{BASE}/{schedule_id}/backfill", json=body, headers=admin)
    assert response.json["data"] == {"runs": len(rerun), "slots": 4}
    assert statuses(schedule_id) == ["QUEUED" if status in rerun else status for status in existing]
    wrong = client.post(f"{BASE}/{schedule_id}/backfill", json=body | {"rerun": ["SUCCEEDED"]}, headers=admin)
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("SKIP", ["QUEUED", "QUEUED", "SKIPPED", "SKIPPED"]),
        ("QUEUE", ["QUEUED"] * 4),
        ("REPLACE", ["CANCELLED", "CANCELLED", "QUEUED", "QUEUED"]),
    ],
)
def test_a_new_run_follows_the_concurrency_policy(schedule: MakeSchedule, policy: str, expected: list[str]) -> None:
    schedule_id = schedule(concurrency_limit=2, concurrency_policy=policy, cron_expression=rare_expression())
    slot = datetime.now(UTC).replace(microsecond=0)
    for n in range(4):
        set_next(schedule_id, slot - timedelta(seconds=20 - n))
        dispatch.dispatch_due()
    assert statuses(schedule_id) == expected


@pytest.mark.parametrize("policy", ["QUEUE", "REPLACE"])
def test_no_more_runs_with_a_key_are_executed_than_the_limit(schedule: MakeSchedule, policy: str) -> None:
    limited = {"concurrency_limit": 2, "concurrency_key": "warehouse", "concurrency_policy": policy}
    ids = [schedule(**limited, **CORE_OPERATION) for _ in range(3)]
    other = schedule(concurrency_limit=1, concurrency_key="other", **CORE_OPERATION)
    runs = [run_now(schedule_id) for schedule_id in ids]
    for run_id in [*runs, run_now(other)]:
        for single in executor.execute_batch([run_id]):
            executor.execute_run(single)
    states = [status for schedule_id in ids for status in statuses(schedule_id)]
    waiting = "QUEUED" if policy == "QUEUE" else "CANCELLED"
    assert sorted(states) == sorted(["RUNNING", "RUNNING", waiting])
    assert statuses(other) == ["RUNNING"]
    if policy == "QUEUE":
        run_control.cancel_run(ids[0], runs[0], requested_by=uuid4())
        with transaction():
            db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))
        executor.execute_run(runs[2])
        assert statuses(ids[2]) == ["RUNNING"]


def test_replacing_a_run_asks_its_action_to_end(schedule: MakeSchedule) -> None:
    schedule_id = schedule(concurrency_limit=1, concurrency_policy="REPLACE")
    first = run_now(schedule_id)
    with transaction():
        changes = {"status": "RUNNING", "attempts": 1, "locked_until": func.now() + MINUTE}
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id == first).values(**changes))
    run_now(schedule_id)
    old, new = runs_of(schedule_id)
    assert old.cancel_requested and new.status == "QUEUED"


def test_a_key_needs_a_limit(client: FlaskClient, admin: dict[str, str], schedule: MakeSchedule) -> None:
    response = client.patch(f"{BASE}/{schedule()}", json={"concurrencyKey": "warehouse"}, headers=admin)
    assert response.status_code == 422 and "concurrencyLimit" in response.text
    both = {"concurrencyKey": "warehouse", "concurrencyLimit": 3, "concurrencyPolicy": "SKIP"}
    response = client.patch(f"{BASE}/{schedule()}", json=both, headers=admin)
    assert response.status_code == 200 and response.json["data"]["concurrencyPolicy"] == "SKIP"
    schedules.disable_schedule(UUID(response.json["data"]["id"]), requested_by=uuid4())
