"""Create, change, enable, disable and delete schedules."""

from typing import Any
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_services.scheduler.misfire import next_slot
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.kinds import apply_kind
from heidi_services.scheduler.service.next_runs import set_next_run
from heidi_services.scheduler.service.queries import database_now, lock_schedule
from heidi_services.scheduler.service.runs.run_control import cancel_backfill
from heidi_services.scheduler.service.validation import ACTION_FIELDS, TIMING_FIELDS, validate_schedule

NEXT_RUN_FIELDS = TIMING_FIELDS | {"is_enabled"}
"""A change of one of these fields computes the next run again."""


def create_schedule(values: dict[str, Any], *, requested_by: UUID) -> Schedule:
    """Store a new schedule.

    Raises:
        Invalid: The schedule could never run; names each wrong field.
    """
    with transaction():
        schedule = Schedule(**values, created_by=requested_by)
        apply_kind(schedule, values, database_now())
        validate_schedule(schedule, TIMING_FIELDS | ACTION_FIELDS, database_now())
        _set_next_run(schedule)
        db.session.add(schedule)
        db.session.flush()
        record("schedule_created", actor=requested_by, target=schedule.id)
    return schedule


def update_schedule(schedule_id: UUID, values: dict[str, Any], *, version: int | None, requested_by: UUID) -> Schedule:
    """Change fields of a schedule.

    A change of its times applies from now: slots of the old times that were not dispatched yet are dropped.

    Args:
        schedule_id: The schedule to change.
        values: The new values by attribute. Other attributes do not change.
        version: The version in `If-Match`; None accepts any.
        requested_by: The user or machine client, for the audit trail.

    Raises:
        NotFound: No schedule has this ID.
        PreconditionFailed: The schedule has another version.
        Invalid: The schedule could never run; names each wrong field.
    """
    with transaction():
        schedule = lock_schedule(schedule_id)
        expect_version(schedule, version)
        before = {name: getattr(schedule, name) for name in values.keys() | TIMING_FIELDS}
        for name in values.keys() - {"kind"}:
            setattr(schedule, name, values[name])
        apply_kind(schedule, values, database_now())
        changed = {name for name, value in before.items() if getattr(schedule, name) != value}
        validate_schedule(schedule, changed, database_now())
        if changed & NEXT_RUN_FIELDS:
            _set_next_run(schedule)
        if changed:
            detail: dict[str, Any] = {"changed": sorted(changed)}
            if "is_enabled" in changed:
                detail["isEnabled"] = {"old": not schedule.is_enabled, "new": schedule.is_enabled}
            if "is_enabled" in changed and not schedule.is_enabled:
                db.session.flush()
                cancel_backfill(schedule_id, requested_by=requested_by)
            record("schedule_updated", actor=requested_by, target=schedule.id, detail=detail)
    return schedule


def delete_schedule(schedule_id: UUID, *, version: int | None, requested_by: UUID) -> None:
    """Delete a schedule and its runs. The result of a run in progress is discarded."""
    with transaction():
        schedule = lock_schedule(schedule_id)
        expect_version(schedule, version)
        db.session.delete(schedule)
        record("schedule_deleted", actor=requested_by, target=schedule_id)


def enable_schedule(schedule_id: UUID, *, requested_by: UUID) -> Schedule:
    """Enable a schedule from now on. Slots that came while it was disabled do not count as missed."""
    return update_schedule(schedule_id, {"is_enabled": True}, version=None, requested_by=requested_by)


def disable_schedule(schedule_id: UUID, *, requested_by: UUID) -> Schedule:
    """Disable a schedule. Its backfills stop."""
    return update_schedule(schedule_id, {"is_enabled": False}, version=None, requested_by=requested_by)


def _set_next_run(schedule: Schedule) -> None:
    slot = next_slot(schedule, database_now(), schedule.start_at) if schedule.is_enabled else None
    set_next_run(schedule, slot)
