"""Insert runs, one row for each slot, and emit `schedule.execute` for those that are queued."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import null, or_
from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.session import db
from heidi_common.messaging import outbox
from heidi_common.messaging.events import ScheduleExecute
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.derived_ids import execution_id

SLOT_KEY = ("schedule_id", "scheduled_for")
REPLACED_COLUMNS = (
    *("trigger", "status", "created_at", "next_attempt_at", "hinted_until", "finished_at", "error"),
    *("missed_from", "missed_slots", "is_replay"),
)


RESET = {
    "attempts": 0,
    "started_at": null(),
    "result": null(),
    "awaits": null(),
    "locked_until": null(),
    "cancel_requested_at": null(),
}
"""What a run that is queued again loses. With None instead of null(), SQLAlchemy would insert row by row: it takes a
parameter without a value for one that differs between the rows."""


def insert_runs(rows: list[dict[str, Any]], *, reopen: Collection[RunStatus] = ()) -> set[UUID]:
    """Insert the runs of slots that have no run yet, in the caller's transaction.

    Args:
        rows: See `RunFactory`.
        reopen: Queue runs with one of these statuses again (backfill).

    Returns:
        The IDs of the runs that were inserted or reopened. All other runs that exist do not change, unless a clock that
        was ahead has recorded them as not run before their time came.
    """
    if not rows:
        return set()
    statement = insert(ScheduleRun).execution_options(render_nulls=True)
    new_values = {name: statement.excluded[name] for name in REPLACED_COLUMNS}
    did_not_run = or_(ScheduleRun.status == RunStatus.MISSED, ScheduleRun.status == RunStatus.SKIPPED)
    is_premature = did_not_run & (ScheduleRun.created_at > statement.excluded.created_at)
    statement = statement.on_conflict_do_update(
        index_elements=SLOT_KEY,
        set_=new_values | RESET | {"version": ScheduleRun.version + 1, "reruns": ScheduleRun.reruns + 1},
        where=or_(is_premature, *(ScheduleRun.status == status for status in reopen)),
    )
    stored = db.session.execute(statement.returning(ScheduleRun.id, ScheduleRun.reruns), rows)
    inserted: dict[UUID, int] = {row.id: row.reruns for row in stored}
    queued = [
        row | {"reruns": inserted[row["id"]]}
        for row in rows
        if row["id"] in inserted and row["status"] == RunStatus.QUEUED
    ]
    _emit_execute([row for row in queued if not row["is_replay"]])
    _emit_execute([row for row in queued if row["is_replay"]], bulk=True)
    return set(inserted)


def _emit_execute(rows: Iterable[dict[str, Any]], *, bulk: bool = False) -> None:
    outbox.emit_many(
        (
            (
                ScheduleExecute(
                    id=row["id"],
                    schedule_id=row["schedule_id"],
                    scheduled_for=iso(row["scheduled_for"]),
                    trigger=row["trigger"],
                ),
                None,
                execution_id(row["id"], row["reruns"], at=row["scheduled_for"]),
            )
            for row in rows
        ),
        bulk=bulk,
    )
