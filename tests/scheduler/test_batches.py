"""Runs that are executed in batches: each once, and none is affected by its neighbors."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from dramatiq import Message
from flask import Flask
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, text, update

import workers.actors
import workers.scheduler
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock
from heidi_services.scheduler.actions import perform_action
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import schedules
from heidi_services.scheduler.service.runs import executor, manual_runs, reaper, request_replies, run_results
from heidi_services.scheduler.service.runs.run_claim import claim_runs
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, emitted_events, runs_of
from tests.sql_recorder import recorded_statements


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> list[Message[Any]]:
    """The messages that the actors of the scheduler send."""
    messages: list[Message[Any]] = []

    class Broker:
        enqueue = messages.append

    monkeypatch.setattr(workers.actors.dramatiq, "get_broker", Broker)
    return messages


def queue_runs(schedule_ids: Iterable[UUID]) -> list[UUID]:
    return [manual_runs.run_now(schedule_id, requested_by=uuid4()).id for schedule_id in schedule_ids]


def states(schedule_ids: Iterable[UUID]) -> list[tuple[str, int]]:
    return [(run.status, run.attempts) for schedule_id in schedule_ids for run in runs_of(schedule_id)]


def change_runs(*run_ids: UUID, **values: Any) -> None:
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id.in_(run_ids)).values(**values))


def end_leases() -> None:
    with transaction():
        db.session.execute(update(ScheduleRun).values(locked_until=func.now() - timedelta(seconds=1)))


def let_delays_end() -> None:
    """Runs of a killed batch are queued again at a random time, so that they do not meet again."""
    with transaction():
        db.session.execute(update(ScheduleRun).values(next_attempt_at=func.now()))


def crash_at(crashing: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the action of one run end its worker without another statement, as a kill does."""

    def crash(action: str, context: RunContext, payload: Any) -> ActionResult:
        if context.run_id == crashing:
            raise KeyboardInterrupt
        return perform_action(action, context, payload)

    monkeypatch.setattr(executor, "perform_action", crash)


def test_a_batch_is_claimed_by_one_statement_and_recorded_by_another(schedule: MakeSchedule) -> None:
    schedule_ids = [schedule() for _ in range(5)]
    run_ids = queue_runs(schedule_ids)
    db.session.rollback()
    with recorded_statements() as statements:
        assert executor.execute_batch(run_ids) == []
    assert len(statements) == 2
    assert states(schedule_ids) == [("SUCCEEDED", 1)] * 5
    assert {event.data["id"] for event in emitted_events("custom.tick")} == set(map(str, run_ids))
    assert {event.data["id"] for event in emitted_events("schedule.completed")} == set(map(str, run_ids))
    last = db.session.execute(select(Schedule.run_count, Schedule.last_run_status, Schedule.last_run)).all()
    assert [(count, status) for count, status, _ in last] == [(1, "SUCCEEDED")] * 5
    assert {at for _, _, at in last} == {run.started_at for id_ in schedule_ids for run in runs_of(id_)}


def test_a_run_with_an_invalid_payload_fails_and_its_neighbors_succeed(schedule: MakeSchedule) -> None:
    schedule_ids = [schedule(max_attempts=3) for _ in range(3)]
    run_ids = queue_runs(schedule_ids)
    with transaction():
        invalid = update(Schedule).where(Schedule.id == schedule_ids[1]).values(payload={"type": "user.deleted"})
        db.session.execute(invalid)
    assert executor.execute_batch(run_ids) == []
    assert states(schedule_ids) == [("SUCCEEDED", 1), ("FAILED", 1), ("SUCCEEDED", 1)]


def test_an_action_that_raises_is_retried_and_its_neighbors_succeed(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_ids = [schedule(max_attempts=2) for _ in range(3)]
    run_ids = queue_runs(schedule_ids)

    def perform(action: str, context: RunContext, payload: Any) -> ActionResult:
        if context.run_id == run_ids[0]:
            raise RuntimeError("broken")
        return perform_action(action, context, payload)

    monkeypatch.setattr(executor, "perform_action", perform)
    executor.execute_batch(run_ids)
    assert states(schedule_ids) == [("QUEUED", 1), ("SUCCEEDED", 1), ("SUCCEEDED", 1)]
    change_runs(run_ids[0], next_attempt_at=func.now())
    assert executor.execute_batch(run_ids) == [run_ids[0]], "a second attempt is made singly"
    executor.execute_run(run_ids[0])
    assert states(schedule_ids)[0] == ("FAILED", 2)


def test_a_result_that_cannot_be_stored_fails_only_its_own_run(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_ids = [schedule() for _ in range(3)]
    run_ids = queue_runs(schedule_ids)

    def perform(_action: str, context: RunContext, _payload: Any) -> ActionResult:
        return ActionResult({"text": "\x00" if context.run_id == run_ids[1] else "fine"})

    monkeypatch.setattr(executor, "perform_action", perform)
    executor.execute_batch(run_ids)
    assert states(schedule_ids) == [("SUCCEEDED", 1), ("FAILED", 1), ("SUCCEEDED", 1)]
    assert runs_of(schedule_ids[1])[0].error == "internal error (DataError)"


def test_a_killed_worker_costs_no_run_of_its_batch_an_attempt(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_ids = [schedule(max_attempts=1) for _ in range(3)]
    run_ids = queue_runs(schedule_ids)
    crash_at(run_ids[1], monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        executor.execute_batch(run_ids)
    assert states(schedule_ids) == [("RUNNING", 0)] * 3
    reaper.reap_expired()
    assert states(schedule_ids) == [("RUNNING", 0)] * 3, "the lease has not expired"
    end_leases()
    reaper.reap_expired()
    assert states(schedule_ids) == [("QUEUED", 0)] * 3
    delays = {run.next_attempt_at for schedule_id in schedule_ids for run in runs_of(schedule_id)}
    assert len(delays) == 3 and max(delays) - min(delays) <= timedelta(seconds=10)
    let_delays_end()
    assert set(reaper.overdue_runs(10)) == set(run_ids)
    assert set(executor.execute_batch(run_ids)) == set(run_ids), "one of them may crash the worker again"
    with pytest.raises(KeyboardInterrupt):
        executor.execute_run(run_ids[1])
    end_leases()
    reaper.reap_expired()
    let_delays_end()
    for run_id in run_ids:
        executor.execute_run(run_id)
    assert states(schedule_ids) == [("SUCCEEDED", 1), ("TIMED_OUT", 1), ("SUCCEEDED", 1)]
    assert len(emitted_events("custom.tick")) == 2


def test_a_batch_whose_lease_has_expired_changes_nothing_when_it_reports_late(schedule: MakeSchedule) -> None:
    schedule_id = schedule(max_attempts=3)
    (run_id,) = queue_runs([schedule_id])
    change_runs(run_id, status="RUNNING", started_at=func.now())
    run = runs_of(schedule_id)[0]
    late = RunContext(run.id, schedule_id, run.scheduled_for, run.attempts, 5, None, created_by=uuid4())
    end_leases()
    reaper.reap_expired()
    assert run_results.record_result(late, ActionResult({"late": True})) is False
    assert run_results.record_failure(late, ActionFailed("late")) is False
    let_delays_end()
    (successor,) = claim_runs([run_id], ["event.emit"])
    assert run_results.record_result(late, ActionResult({"late": True})) is False
    assert run_results.record_failure(late, ActionFailed("late")) is False
    assert states([schedule_id]) == [("RUNNING", 1)]
    assert run_results.record_result(successor.context(), ActionResult({})) is True
    assert (states([schedule_id]), len(emitted_events("schedule.completed"))) == ([("SUCCEEDED", 1)], 1)


@pytest.mark.parametrize("policy", ["SKIP", "ALLOW"])
def test_two_workers_with_the_same_runs_execute_each_once(app: Flask, schedule: MakeSchedule, policy: str) -> None:
    schedule_ids = [schedule(overlap_policy=policy) for _ in range(40)]
    run_ids = queue_runs(schedule_ids)
    db.session.rollback()
    start = Barrier(4)

    def work(ids: list[UUID]) -> list[UUID]:
        with app.app_context():
            start.wait()
            return executor.execute_batch(ids)

    with ThreadPoolExecutor(4) as pool:
        singly = list(pool.map(work, [run_ids, run_ids, run_ids[::-1], run_ids[::-1]]))
    assert singly == [[]] * 4
    assert states(schedule_ids) == [("SUCCEEDED", 1)] * 40
    assert Counter(event.data["id"] for event in emitted_events("custom.tick")) == Counter(map(str, run_ids))


def test_of_two_due_runs_of_a_schedule_that_must_not_overlap_one_is_postponed(schedule: MakeSchedule) -> None:
    schedule_id = schedule(overlap_policy="QUEUE_ONE")
    run_ids = queue_runs([schedule_id, schedule_id])
    change_runs(*run_ids, next_attempt_at=func.now())
    assert executor.execute_batch(run_ids[::-1]) == []
    assert states([schedule_id]) == [("SUCCEEDED", 1), ("QUEUED", 0)]
    assert reaper.overdue_runs(10) == [run_ids[1]], "it is due again when the first has ended"
    executor.execute_batch(run_ids)
    assert states([schedule_id]) == [("SUCCEEDED", 1)] * 2


def test_runs_that_may_overlap_are_executed_together_and_all_counted(schedule: MakeSchedule) -> None:
    schedule_id = schedule(overlap_policy="ALLOW")
    executor.execute_batch(queue_runs([schedule_id] * 3))
    assert states([schedule_id]) == [("SUCCEEDED", 1)] * 3
    assert db.session.get_one(Schedule, schedule_id).run_count == 3


@pytest.mark.parametrize("execute", [lambda id_: executor.execute_run(id_), lambda id_: executor.execute_batch([id_])])
def test_a_claim_that_has_waited_for_another_one_sees_the_run_that_it_started(
    app: Flask, schedule: MakeSchedule, execute: Any
) -> None:
    schedule_id = schedule(overlap_policy="QUEUE_ONE")
    first, second = queue_runs([schedule_id, schedule_id])
    change_runs(second, next_attempt_at=func.now())
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%'")

    def work() -> None:
        with app.app_context():
            execute(second)

    with ThreadPoolExecutor(1) as pool:
        with transaction():
            db.session.execute(select(Schedule.id).where(Schedule.id == schedule_id).with_for_update())
            task = pool.submit(work)
            with reading() as other:
                until(lambda: other.scalar(waiting))
            db.session.execute(update(ScheduleRun).where(ScheduleRun.id == first).values(status="RUNNING", attempts=1))
        task.result()
    assert states([schedule_id]) == [("RUNNING", 1), ("QUEUED", 0)]


def test_an_action_that_only_emits_events_needs_no_lock(schedule: MakeSchedule) -> None:
    schedule_id = schedule()
    (run_id,) = queue_runs([schedule_id])
    with Lock(redis_client(), f"schedule:{schedule_id}", ttl=30):
        executor.execute_run(run_id)
    assert states([schedule_id]) == [("SUCCEEDED", 1)]


def test_a_batch_that_cannot_be_claimed_is_executed_singly(
    schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = queue_runs([schedule()])
    db.session.rollback()
    with db.engine.connect() as other:
        other.execute(select(Schedule.id).with_for_update())
        monkeypatch.setitem(executor.claim_runs.__globals__, "_CLAIM", _impatient(executor.claim_runs))
        assert executor.execute_batch(run_ids) == run_ids


def _impatient(claim_runs: Any) -> Any:
    """The claim with a short lock timeout."""
    statement = claim_runs.__globals__["_CLAIM"]
    copy = object.__new__(type(statement))
    copy.__dict__ |= vars(statement) | {"sql": f"SET LOCAL lock_timeout = 10; {statement.sql}"}
    return copy


def test_requests_of_a_batch_are_awaited_and_concluded_together(schedule: MakeSchedule) -> None:
    payload = {"integrationId": str(uuid4())}
    schedule_ids = [schedule(action="integration.sync", payload=payload) for _ in range(3)]
    run_ids = queue_runs(schedule_ids)
    executor.execute_batch(run_ids)
    assert states(schedule_ids) == [("RUNNING", 1)] * 3
    with transaction():
        rows = (
            "INSERT INTO inbox (event_id, consumer, status, last_error) SELECT awaits, 'accept_sync', :status, :error"
        )
        for run_id, status in zip(run_ids, ("done", "refused", "done"), strict=True):
            values = {"id": run_id, "status": status, "error": "no" if status == "refused" else None}
            db.session.execute(text(f"{rows} FROM schedule_runs WHERE id = :id"), values)
    request_replies.complete_runs(run_ids)
    assert states(schedule_ids) == [("SUCCEEDED", 1), ("FAILED", 1), ("SUCCEEDED", 1)]
    assert [runs_of(id_)[0].result for id_ in schedule_ids] == [payload, None, payload]
    assert len(emitted_events("schedule.completed")) == 3


def test_the_actor_sends_a_message_for_each_run_that_must_be_executed_singly(
    schedule: MakeSchedule, broker: list[Message[Any]]
) -> None:
    calling = schedule(action="http.request", payload={"url": "https://c.test/"})
    emitting, retried = schedule(), schedule(max_attempts=3)
    run_ids = queue_runs([calling, emitting, retried])
    change_runs(run_ids[2], attempts=1)
    workers.scheduler.run_schedule(*map(str, run_ids))
    assert states([calling, emitting, retried]) == [("QUEUED", 0), ("SUCCEEDED", 1), ("QUEUED", 1)]
    assert {(message.queue_name, message.actor_name, message.args) for message in broker} == {
        ("scheduler", "run_schedule", (str(run_id),)) for run_id in (run_ids[0], run_ids[2])
    }
    workers.scheduler.run_schedule(str(run_ids[2]))
    assert states([retried]) == [("SUCCEEDED", 2)]
    assert len(broker) == 2


def test_a_run_that_calls_a_url_is_left_to_the_queue_that_occupies_some_threads_only(
    schedule: MakeSchedule, broker: list[Message[Any]], httpserver: HTTPServer
) -> None:
    httpserver.expect_oneshot_request("/hook").respond_with_data("")
    calling = schedule(action="http.request", payload={"url": httpserver.url_for("/hook")})
    (run_id,) = queue_runs([calling])
    workers.scheduler.run_schedule(str(run_id))
    assert states([calling]) == [("QUEUED", 0)]
    (message,) = broker
    assert (message.queue_name, message.actor_name, message.args) == ("outbound", "run_outbound", (str(run_id),))
    workers.scheduler.run_outbound(*message.args)
    assert states([calling]) == [("SUCCEEDED", 1)]


def test_the_clock_wakes_each_kind_of_runs_in_its_queue(schedule: MakeSchedule) -> None:
    calling, emitting = schedule(action="http.request", payload={"url": "https://c.test/"}), schedule()
    run_ids = queue_runs([calling, emitting])
    for run_id in run_ids:
        change_runs(run_id, hinted_until=func.now())
    assert (reaper.overdue_outbound_runs(10), reaper.overdue_runs(10)) == ([run_ids[0]], [run_ids[1]])


def test_deleted_schedules_and_runs_that_are_not_due_are_ignored(schedule: MakeSchedule) -> None:
    deleted, later = schedule(), schedule()
    run_ids = queue_runs([deleted, later])
    schedules.delete_schedule(deleted, version=None, requested_by=uuid4())
    change_runs(run_ids[1], next_attempt_at=func.now() + timedelta(minutes=1))
    assert executor.execute_batch([*run_ids, uuid4()]) == []
    assert states([later]) == [("QUEUED", 0)]
