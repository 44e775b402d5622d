"""The HTTP door."""

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.scheduler import actions, schemas, service
from heidi_services.scheduler.long_polling import waits
from heidi_services.scheduler.models import Schedule, ScheduleRun

blp = Blueprint("schedules", __name__, description="What is done when, and what became of it")
blueprints = (blp,)

BASE = "/api/v1/schedules"
ONE = f"{BASE}/<uuid:schedule_id>"
SCOPE = ("schedules:write",)


@blp.route(BASE, methods=["POST"])
@guard(Role.ADMIN, scopes=SCOPE)
@idempotent
@blp.arguments(schemas.ScheduleIn)
@blp.response(201, schemas.ScheduleOut)
def create_schedule(body: dict[str, Any]) -> Schedule:
    """A new schedule; a wrong expression or time zone is 422, naming the field."""
    schedule = service.create(body, by=caller().id)
    etag(schedule)
    return schedule


@blp.route(BASE, methods=["GET"])
@guard(Role.ADMIN, scopes=SCOPE)
@blp.arguments(schemas.ScheduleQuery, location="query")
@blp.response(200, schemas.ScheduleOut(many=True))
def list_schedules(query: dict[str, Any]) -> Page:
    """Schedules by state and action, in the order asked for."""
    return service.find(**query)


@blp.route(f"{BASE}/actions", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, schemas.ActionOut(many=True))
def list_actions() -> list[dict[str, Any]]:
    """What a schedule can do, with the JSON schema of each payload."""
    return actions.described()


@blp.route(f"{BASE}/preview", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(schemas.PreviewIn)
@blp.response(200, schemas.PreviewOut)
def preview(body: dict[str, Any]) -> service.Preview:
    """The next times of an expression, in words and one by one; nothing is stored."""
    return service.preview(body["cron_expression"], body["timezone"], body["count"], body["start"])


@blp.route(ONE, methods=["GET"])
@guard(Role.ADMIN, scopes=SCOPE)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.ScheduleOut)
def get_schedule(schedule_id: UUID) -> Schedule:
    """A schedule, its last run and its next."""
    schedule = service.get(schedule_id)
    etag(schedule)
    return schedule


@blp.route(ONE, methods=["PATCH"])
@guard(Role.ADMIN, scopes=SCOPE)
@documents(IF_MATCH)
@blp.arguments(schemas.ScheduleChange(partial=True))
@blp.response(200, schemas.ScheduleOut)
def change_schedule(body: dict[str, Any], schedule_id: UUID) -> Schedule:
    """Change parts of a schedule; the others stay. Honours `If-Match`."""
    schedule = service.change(schedule_id, body, version=if_match(), by=caller().id)
    etag(schedule)
    return schedule


@blp.route(ONE, methods=["DELETE"])
@guard(Role.ADMIN, scopes=SCOPE)
@documents(IF_MATCH)
@blp.response(204)
def delete_schedule(schedule_id: UUID) -> None:
    """Delete a schedule with its history. Honours `If-Match`."""
    service.remove(schedule_id, version=if_match(), by=caller().id)


@blp.route(f"{ONE}/enable", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, schemas.ScheduleOut)
def enable_schedule(schedule_id: UUID) -> Schedule:
    """Let it run again from its next time on."""
    return service.enable(schedule_id, by=caller().id)


@blp.route(f"{ONE}/disable", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, schemas.ScheduleOut)
def disable_schedule(schedule_id: UUID) -> Schedule:
    """Let it rest; its history stays."""
    return service.disable(schedule_id, by=caller().id)


@blp.route(f"{ONE}/run", methods=["POST"])
@guard(Role.ADMIN)
@waits(schemas.RunOut)
@idempotent
@blp.arguments(schemas.WaitQuery, location="query")
@blp.response(202, schemas.RunOut)
def run_schedule(query: dict[str, Any], schedule_id: UUID) -> ScheduleRun:
    """Run it now, besides its times; `?wait=` seconds for the end of the run."""
    return service.run_now(schedule_id, by=caller().id)


@blp.route(f"{ONE}/runs", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.RunQuery, location="query")
@blp.response(200, schemas.RunOut(many=True))
def list_runs(query: dict[str, Any], schedule_id: UUID) -> Page:
    """The runs of a schedule, latest first."""
    return service.find_runs(schedule_id, **query)


@blp.route(f"{ONE}/runs/<uuid:run_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.RunOut)
def get_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    """A run: when, how long, and what came of it."""
    run = service.get_run(schedule_id, run_id)
    etag(run)
    return run


@blp.route(f"{ONE}/backfill", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.BackfillIn)
@blp.response(202, schemas.BackfillOut)
def backfill(body: dict[str, Any], schedule_id: UUID) -> Any:
    """Make the runs that a span of the past should have had."""
    return service.backfill(schedule_id, body["start"], body["end"], by=caller().id)


@blp.route(f"{ONE}/upcoming", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.UpcomingQuery, location="query")
@blp.response(200, schemas.PreviewOut)
def upcoming(query: dict[str, Any], schedule_id: UUID) -> service.Preview:
    """The next times of a schedule."""
    return service.upcoming(schedule_id, query["count"])
