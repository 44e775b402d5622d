"""Create, read, change, enable, disable and delete schedules."""

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.routes.blueprint import BASE, SCHEDULE, WRITE, blp
from heidi_services.scheduler.schemas.schedules import (
    ScheduleChange,
    ScheduleIn,
    ScheduleOut,
    ScheduleQuery,
    SelectionIn,
    SelectionOut,
)
from heidi_services.scheduler.service import queries, schedules
from heidi_services.scheduler.service.client_permissions import create_schedule_as, update_schedule_as
from heidi_services.scheduler.service.selections import switch_selection


@blp.route(BASE, methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@idempotent
@blp.arguments(ScheduleIn)
@blp.response(201, ScheduleOut)
def create_schedule(body: dict[str, Any]) -> Schedule:
    """Create a schedule. An invalid expression or time zone is a 422 that names the field.

    A machine client that schedules an operation also needs the scopes of the operation: 403.
    """
    schedule = create_schedule_as(caller(), body)
    etag(schedule)
    return schedule


@blp.route(BASE, methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.arguments(ScheduleQuery, location="query")
@blp.response(200, ScheduleOut(many=True))
def list_schedules(query: dict[str, Any]) -> Page:
    """List schedules, filtered by name, state, action, kind and tag."""
    return queries.find_schedules(**query)


@blp.route(SCHEDULE, methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_NONE_MATCH)
@blp.response(200, ScheduleOut)
def get_schedule(schedule_id: UUID) -> Schedule:
    """Get a schedule with its last and next run."""
    schedule = queries.get_schedule(schedule_id)
    etag(schedule)
    return schedule


@blp.route(SCHEDULE, methods=["PATCH"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_MATCH)
@blp.arguments(ScheduleChange(partial=True))
@blp.response(200, ScheduleOut)
def change_schedule(body: dict[str, Any], schedule_id: UUID) -> Schedule:
    """Change fields of a schedule; fields that are left out do not change. Honors `If-Match`."""
    schedule = update_schedule_as(caller(), schedule_id, body, if_match())
    etag(schedule)
    return schedule


@blp.route(SCHEDULE, methods=["DELETE"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_MATCH)
@blp.response(204)
def delete_schedule(schedule_id: UUID) -> None:
    """Delete a schedule and all its runs. Honors `If-Match`."""
    schedules.delete_schedule(schedule_id, version=if_match(), requested_by=caller().id)


@blp.route(f"{SCHEDULE}/enable", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, ScheduleOut)
def enable_schedule(schedule_id: UUID) -> Schedule:
    """Enable a schedule. Occurrences that passed while it was disabled are not run."""
    return schedules.enable_schedule(schedule_id, requested_by=caller().id)


@blp.route(f"{SCHEDULE}/disable", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, ScheduleOut)
def disable_schedule(schedule_id: UUID) -> Schedule:
    """Disable a schedule. Its runs are kept."""
    return schedules.disable_schedule(schedule_id, requested_by=caller().id)


@blp.route(f"{BASE}/pause", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(SelectionIn)
@blp.response(200, SelectionOut)
def pause_schedules(body: dict[str, Any]) -> dict[str, int]:
    """Disable all schedules that fit the selection. Their runs are kept."""
    return {"schedules": switch_selection(enabled=False, requested_by=caller().id, **body)}


@blp.route(f"{BASE}/resume", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(SelectionIn)
@blp.response(200, SelectionOut)
def resume_schedules(body: dict[str, Any]) -> dict[str, int]:
    """Enable all schedules that fit the selection. Occurrences that passed while they were disabled are not run."""
    return {"schedules": switch_selection(enabled=True, requested_by=caller().id, **body)}
