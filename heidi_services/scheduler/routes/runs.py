"""Run a schedule now, read its runs, backfill a past period."""

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard, guarded_user
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.routes.blueprint import BASE, SCHEDULE, WRITE, blp
from heidi_services.scheduler.routes.long_polling import supports_wait
from heidi_services.scheduler.schemas.runs import (
    AllRunsQuery,
    BackfillIn,
    BackfillOut,
    CancelledRunsOut,
    RunOut,
    RunQuery,
    WaitQuery,
)
from heidi_services.scheduler.service import queries
from heidi_services.scheduler.service.backfill import BackfillResult, backfill_schedule
from heidi_services.scheduler.service.runs import manual_runs, run_control


@blp.route(f"{SCHEDULE}/run", methods=["POST"])
@guard(Role.ADMIN)
@supports_wait(RunOut)
@idempotent
@blp.arguments(WaitQuery, location="query")
@blp.response(202, RunOut)
def run_schedule(query: dict[str, Any], schedule_id: UUID) -> ScheduleRun:
    """Run a schedule now, in addition to its occurrences. `?wait=` waits up to that many seconds for the run to end."""
    return manual_runs.run_now(schedule_id, requested_by=caller().id)


@blp.route(f"{BASE}/runs", methods=["GET"])
@guarded_user(scopes=WRITE)
@blp.arguments(AllRunsQuery, location="query")
@blp.response(200, RunOut(many=True))
def list_all_runs(query: dict[str, Any]) -> Page:
    """List the runs of all schedules, latest slot first. Without the role ADMIN, only those of your own schedules."""
    return queries.find_all_runs(owner=None if caller().is_admin else caller().id, **query)


@blp.route(f"{SCHEDULE}/runs", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(RunQuery, location="query")
@blp.response(200, RunOut(many=True))
def list_runs(query: dict[str, Any], schedule_id: UUID) -> Page:
    """List the runs of a schedule, latest slot first."""
    return queries.find_runs(schedule_id, **query)


@blp.route(f"{SCHEDULE}/runs/<uuid:run_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, RunOut)
def get_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    """Get a run: its times, its status and its result or error."""
    run = queries.get_run(schedule_id, run_id)
    etag(run)
    return run


@blp.route(f"{SCHEDULE}/runs/<uuid:run_id>/cancel", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, RunOut)
def cancel_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    """Cancel a run. A QUEUED run ends immediately; the action of a RUNNING one is asked to end (`cancelRequested`).

    A run that has ended is a 409.
    """
    return run_control.cancel_run(schedule_id, run_id, requested_by=caller().id)


@blp.route(f"{SCHEDULE}/runs/<uuid:run_id>/retry", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(202, RunOut)
def retry_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    """Queue a run again that is FAILED, TIMED_OUT, CANCELLED or SKIPPED. Any other is a 409."""
    return run_control.retry_run(schedule_id, run_id, requested_by=caller().id)


@blp.route(f"{SCHEDULE}/backfill/cancel", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, CancelledRunsOut)
def cancel_backfill(schedule_id: UUID) -> dict[str, int]:
    """Cancel the runs of all backfills of a schedule that have not ended."""
    return {"runs": run_control.cancel_backfill(schedule_id, requested_by=caller().id)}


@blp.route(f"{SCHEDULE}/backfill", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(BackfillIn)
@blp.response(202, BackfillOut)
def backfill(body: dict[str, Any], schedule_id: UUID) -> BackfillResult:
    """Run the slots of a past period that have no run or were missed, at most 1,000 slots, beside current slots.

    `rerun` names the statuses of runs that are queued again. Disabling the schedule stops the backfill.
    """
    return backfill_schedule(schedule_id, body["start"], body["end"], requested_by=caller().id, rerun=body["rerun"])
