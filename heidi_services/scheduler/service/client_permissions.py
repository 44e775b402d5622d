"""Schedules that machine clients write: `schedules:write` alone must not start operations of core."""

from typing import Any
from uuid import UUID

from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.operations.registry import OPERATIONS
from heidi_common.problems import Forbidden
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service import schedules


def create_schedule_as(caller: Caller, values: dict[str, Any]) -> Schedule:
    """Create a schedule.

    Raises:
        Forbidden: A machine client lacks a scope that the schedule's operation needs.
        Invalid: The schedule could never run; names each wrong field.
    """
    with transaction():
        schedule = schedules.create_schedule(values, requested_by=caller.id)
        _require_scopes(caller, schedule)
    return schedule


def update_schedule_as(caller: Caller, schedule_id: UUID, values: dict[str, Any], version: int | None) -> Schedule:
    """Change a schedule. A machine client may change the operation of a schedule only to one that it could start.

    Raises:
        Forbidden: A machine client lacks a scope that the schedule's operation needs.
    """
    with transaction():
        schedule = schedules.update_schedule(schedule_id, values, version=version, requested_by=caller.id)
        if {"action", "payload"} & set(values):
            _require_scopes(caller, schedule)
    return schedule


def _require_scopes(caller: Caller, schedule: Schedule) -> None:
    if caller.kind != "client" or schedule.action != "core.operation":
        return
    missing = OPERATIONS[schedule.payload["type"]].scopes - caller.scopes
    if missing:
        raise Forbidden(f"The operation {schedule.payload['type']} also needs the scopes {', '.join(sorted(missing))}.")
