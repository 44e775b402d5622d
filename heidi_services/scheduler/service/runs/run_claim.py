"""Claim runs for one worker: QUEUED -> RUNNING."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text, update

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.jobs import status_is
from heidi_services.scheduler.actions.base import RunContext
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.derived_ids import execution_id

GRACE_SECONDS = 10
"""After its time limit and this grace, the worker of a run is considered gone."""

POSTPONE_DELAY = timedelta(seconds=2)

LOCK_SCHEDULES = """
SELECT id FROM schedules
WHERE id IN (SELECT schedule_id FROM schedule_runs WHERE id = ANY(CAST(:run_ids AS uuid[])))
ORDER BY id FOR UPDATE;
"""
"""Precedes a statement in the same round trip and transaction. The second statement sees what was committed before the
locks were acquired; a single statement would not. Two workers lock in the same order, so they cannot deadlock."""

_LOCK_KEYS = """
SELECT pg_advisory_xact_lock(hashtext('concurrency'), hashtext(concurrency_key)) FROM schedules
WHERE NOT :in_batch AND concurrency_limit IS NOT NULL AND concurrency_key IS NOT NULL
    AND id IN (SELECT schedule_id FROM schedule_runs WHERE id = ANY(CAST(:run_ids AS uuid[])));
"""
"""Two workers must not count the runs with one key at the same time. Runs with a limit are claimed singly."""

# `status || ''` as in `heidi_common.messaging.jobs.status_is`: the row is found by its primary key.
_CLAIM_DUE = """
WITH due AS (
    SELECT run.id, run.schedule_id, run.scheduled_for, schedules.action, CAST(schedules.payload AS text) AS payload,
        schedules.timeout_seconds, schedules.created_by,
        schedules.overlap_policy <> 'ALLOW' AND schedules.concurrency_limit IS NULL AS exclusive,
        run.attempts = 0 AND run.error IS NULL AS is_fresh, run.is_replay, run.reruns,
        schedules.concurrency_limit, schedules.concurrency_key,
        schedules.notify_on_recovery AND schedules.last_run_status IN ('FAILED', 'TIMED_OUT') IS TRUE AS recovers
    FROM schedule_runs AS run JOIN schedules ON schedules.id = run.schedule_id
    WHERE run.id = ANY(CAST(:run_ids AS uuid[])) AND run.status || '' = 'QUEUED' AND run.next_attempt_at <= now()
        AND (run.locked_until IS NULL OR run.locked_until < now())
), candidates AS (
    SELECT due.*, row_number() OVER (PARTITION BY schedule_id, is_replay ORDER BY scheduled_for) AS turn
    FROM due WHERE action = ANY(CAST(:actions AS text[]))
        AND (NOT :in_batch OR (is_fresh AND concurrency_limit IS NULL))
), claimed AS (
    UPDATE schedule_runs AS run
    SET status = 'RUNNING', attempts = run.attempts + CASE WHEN :in_batch THEN 0 ELSE 1 END, awaits = NULL,
        locked_until = now() + make_interval(secs => candidates.timeout_seconds + :grace),
        started_at = clock_timestamp(), updated_at = now(), version = run.version + 1
    FROM candidates
    WHERE run.id = candidates.id AND run.status || '' = 'QUEUED' AND run.next_attempt_at <= now()
        AND (NOT candidates.exclusive OR (candidates.turn = 1 AND NOT EXISTS (
            SELECT FROM schedule_runs AS other
            WHERE other.schedule_id = candidates.schedule_id AND other.status = 'RUNNING' AND other.id <> candidates.id
                AND other.is_replay = candidates.is_replay
        )))
        AND (candidates.concurrency_limit IS NULL OR candidates.concurrency_limit > (
            SELECT count(*) FROM schedule_runs AS other JOIN schedules ON schedules.id = other.schedule_id
            WHERE other.status = 'RUNNING' AND other.id <> candidates.id
                AND (schedules.id = candidates.schedule_id OR schedules.concurrency_key = candidates.concurrency_key)
        ))
    RETURNING run.id, run.attempts
)
SELECT due.id, due.schedule_id, due.scheduled_for, due.action, due.payload, due.timeout_seconds, due.created_by,
    due.exclusive, due.is_fresh, due.is_replay, due.reruns, due.concurrency_limit, due.recovers, claimed.attempts
FROM due LEFT JOIN claimed ON claimed.id = due.id
"""
_CLAIM = CompiledStatement(text(LOCK_SCHEDULES + _LOCK_KEYS + _CLAIM_DUE), changes=True)


class DueRun(NamedTuple):
    """A due run with what a worker needs of its schedule.

    Attributes:
        payload: JSON.
        exclusive: Runs of this schedule must not overlap.
        is_fresh: No worker has claimed the run before.
        reruns: How often the run was queued again after it had ended.
        concurrency_limit: How many runs with the same key may be executed at the same time.
        recovers: If the run succeeds, recipients are notified, because the one before it failed.
        is_replay: The run repeats a slot of the past. It may overlap runs of current slots.
        attempt: The row's `attempts` after this claim; None if the run was not claimed.
    """

    run_id: UUID
    schedule_id: UUID
    scheduled_for: datetime
    action: str
    payload: str
    timeout_seconds: int
    created_by: UUID
    exclusive: bool
    is_fresh: bool
    is_replay: bool
    reruns: int
    concurrency_limit: int | None
    recovers: bool
    attempt: int | None

    @property
    def lease_seconds(self) -> int:
        return self.timeout_seconds + GRACE_SECONDS

    def context(self, fencing_token: int | None = None) -> RunContext:
        """The attempt at this run, which was claimed."""
        assert self.attempt is not None
        return RunContext(
            run_id=self.run_id,
            schedule_id=self.schedule_id,
            scheduled_for=self.scheduled_for,
            attempt=self.attempt,
            timeout_seconds=self.timeout_seconds,
            fencing_token=fencing_token,
            created_by=self.created_by,
            reruns=self.reruns,
            recovers=self.recovers,
            rerun_id=execution_id(self.run_id, self.reruns, at=self.scheduled_for) if self.reruns else None,
            is_cancelled=partial(is_cancelled, self.run_id),
        )


def is_cancelled(run_id: UUID) -> bool:
    """Whether the cancellation of a run was requested, or its schedule was deleted."""
    with reading() as connection:
        row = connection.execute(select(ScheduleRun.cancel_requested_at).where(ScheduleRun.id == run_id)).first()
    return row is None or row.cancel_requested_at is not None


def claim_runs(run_ids: Sequence[UUID], actions: Collection[str], *, in_batch: bool = False) -> list[DueRun]:
    """Claim those of the runs that are due, have one of these actions, and do not overlap another run.

    A claim counts the attempt, except in a batch: there it is counted when it ends. If the worker is killed, it is not
    known which run of the batch was the reason, so that no run may lose an attempt. Afterwards each is claimed singly.

    Args:
        run_ids: The runs. Those that are not QUEUED and due, or do not exist, are ignored.
        actions: Names of actions.
        in_batch: Claim only runs that no worker has claimed before.

    Returns:
        The due runs, claimed or not.
    """
    parameters = {"run_ids": list(run_ids), "actions": list(actions), "in_batch": in_batch, "grace": GRACE_SECONDS}
    return [DueRun(*row) for row in _CLAIM.all(**parameters)]


def postpone(run_ids: Sequence[UUID]) -> None:
    """Try due runs again in 2 s. Runs that are not due yet do not change."""
    if not run_ids:
        return
    later = func.now() + POSTPONE_DELAY
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id.in_(run_ids), status_is(ScheduleRun.status, RunStatus.QUEUED))
        .where(ScheduleRun.next_attempt_at <= func.now())
        .values(next_attempt_at=later, hinted_until=later)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        db.session.execute(statement)
