"""Run a schedule now, read its runs, backfill a past period."""

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.routes.blueprint import SCHEDULE, blp
from heidi_services.scheduler.routes.long_polling import supports_wait
from heidi_services.scheduler.schemas import BackfillIn, BackfillOut, RunOut, RunQuery, WaitQuery
from heidi_services.scheduler.service import manual_runs, queries
from heidi_services.scheduler.service.backfill import BackfillResult, backfill_schedule


@blp.route(f"{SCHEDULE}/run", methods=["POST"])
@guard(Role.ADMIN)
@supports_wait(RunOut)
@idempotent
@blp.arguments(WaitQuery, location="query")
@blp.response(202, RunOut)
def run_schedule(query: dict[str, Any], schedule_id: UUID) -> ScheduleRun:
    """Run a schedule now, in addition to its occurrences. `?wait=` waits up to that many seconds for the run to end."""
    return manual_runs.run_now(schedule_id, requested_by=caller().id)


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


@blp.route(f"{SCHEDULE}/backfill", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(BackfillIn)
@blp.response(202, BackfillOut)
def backfill(body: dict[str, Any], schedule_id: UUID) -> BackfillResult:
    """Run the slots of a past period that have no run or were missed, at most 1,000 slots."""
    return backfill_schedule(schedule_id, body["start"], body["end"], requested_by=caller().id)
