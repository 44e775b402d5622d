"""Record results of runs, with everything that follows from them, in one statement.

When a run ends, the schedule's last run and count change, the run that waits for it becomes due (the clock sends its
wake-up message), and events are emitted. A run whose request awaits the reply of another service stays RUNNING.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
from heidi_common.messaging.outbox_batches import INSERT_EVENTS, NOTIFY_RELAY, Emission, event_parameters
from heidi_services.scheduler.actions.base import JSON
from heidi_services.scheduler.service.runs.run_claim import LOCK_SCHEDULES


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What to record of an attempt.

    Attributes:
        attempt: The row's `attempts` during this attempt. Nothing is recorded if the run is at another one.
        status: The status that ends the run; RUNNING if it awaits a reply.
        result: Stored with a run that has not failed. None keeps the stored result.
        awaits: The ID of the event whose reply the run awaits.
        awaits_seconds: How long it awaits the reply.
        events: Emitted if the attempt is recorded.
    """

    run_id: UUID
    attempt: int
    status: str
    result: JSON | None = None
    error: str | None = None
    awaits: UUID | None = None
    awaits_seconds: int = 0
    events: Sequence[Emission] = ()


_UPDATE_ROWS = """
WITH records AS (
    SELECT * FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:attempts AS integer[]), CAST(:statuses AS text[]), CAST(:results AS text[]),
        CAST(:errors AS text[]), CAST(:awaited AS uuid[]), CAST(:awaits_seconds AS integer[])
    ) AS record (run_id, attempt, status, result, error, awaits, awaits_seconds)
), awaiting AS (
    UPDATE schedule_runs AS run
    SET awaits = record.awaits, result = CAST(record.result AS jsonb), attempts = greatest(run.attempts, 1),
        locked_until = now() + make_interval(secs => record.awaits_seconds), hinted_until = now(),
        updated_at = now(), version = run.version + 1
    FROM records AS record
    WHERE record.awaits IS NOT NULL
        AND run.id = record.run_id AND run.status || '' = 'RUNNING' AND run.attempts = record.attempt
    RETURNING run.id
), ended AS (
    UPDATE schedule_runs AS run
    SET status = record.status, error = record.error, finished_at = clock_timestamp(), locked_until = NULL,
        result = CASE WHEN record.status = 'SUCCEEDED' THEN coalesce(CAST(record.result AS jsonb), run.result) END,
        attempts = greatest(run.attempts, 1), updated_at = now(), version = run.version + 1
    FROM records AS record
    WHERE record.awaits IS NULL
        AND run.id = record.run_id AND run.status || '' = 'RUNNING' AND run.attempts = record.attempt
    RETURNING run.id, run.schedule_id, run.scheduled_for, run.started_at, run.status, run.is_replay
), latest AS (
    SELECT DISTINCT ON (schedule_id) ended.*, count(*) OVER (PARTITION BY schedule_id) AS runs,
        count(started_at) OVER (PARTITION BY schedule_id) AS started
    FROM ended ORDER BY schedule_id, scheduled_for DESC
), counted AS (
    UPDATE schedules
    SET last_run = coalesce(latest.started_at, last_run), run_count = run_count + latest.started,
        last_run_status = CASE WHEN latest.started_at IS NULL THEN last_run_status ELSE latest.status END,
        version = version + latest.runs
    FROM latest WHERE schedules.id = latest.schedule_id
    RETURNING schedules.id, overlap_policy
), lanes AS (
    SELECT schedule_id, is_replay, count(*) AS runs FROM ended GROUP BY schedule_id, is_replay
), next_due AS (
    UPDATE schedule_runs AS run
    SET next_attempt_at = now(), hinted_until = now(), updated_at = now()
    FROM counted JOIN lanes ON lanes.schedule_id = counted.id CROSS JOIN LATERAL (
        SELECT waiting.id FROM schedule_runs AS waiting
        WHERE waiting.schedule_id = counted.id AND waiting.status = 'QUEUED' AND waiting.next_attempt_at > now()
            AND waiting.attempts = 0 AND waiting.is_replay = lanes.is_replay
        ORDER BY waiting.scheduled_for LIMIT CASE WHEN lanes.is_replay THEN lanes.runs ELSE 1 END
    ) AS oldest
    WHERE run.id = oldest.id AND (counted.overlap_policy <> 'ALLOW' OR lanes.is_replay)
), recorded AS (
    SELECT id FROM awaiting UNION ALL SELECT id FROM ended
), emitted AS ("""
_RETURN_RECORDED = f") SELECT id, {NOTIFY_RELAY} FROM recorded"  # nosec B608: a constant
_RECORD = CompiledStatement(text(LOCK_SCHEDULES + _UPDATE_ROWS + INSERT_EVENTS + _RETURN_RECORDED), changes=True)


def record_runs(records: Sequence[RunRecord]) -> set[UUID]:
    """Record attempts, in the caller's transaction or in a new one.

    Returns:
        The runs whose attempt was recorded. The others are not RUNNING, or are at another attempt: a worker whose
        lease has expired changes nothing when it reports late.
    """
    if not records:
        return set()
    events = [(record.run_id, emission) for record in records for emission in record.events]
    return {row.id for row in _RECORD.all(**_columns(records), **event_parameters(events))}


def _columns(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    return {
        "run_ids": [record.run_id for record in records],
        "attempts": [record.attempt for record in records],
        "statuses": [record.status for record in records],
        "results": [None if record.result is None else json.dumps(record.result) for record in records],
        "errors": [record.error for record in records],
        "awaited": [record.awaits for record in records],
        "awaits_seconds": [record.awaits_seconds for record in records],
    }
