"""Insert runs, one row for each slot, and emit `schedule.execute` for those that are queued."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Insert, insert

from heidi_common.database.session import db
from heidi_common.messaging import outbox
from heidi_common.messaging.events import ScheduleExecute
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import ScheduleRun

SLOT_KEY = ("schedule_id", "scheduled_for")
REOPENED_COLUMNS = ("trigger", "status", "next_attempt_at", "hinted_until")


def insert_runs(rows: list[dict[str, Any]], *, reopen_missed: bool = False) -> set[UUID]:
    """Insert the runs of slots that have no run yet, in the caller's transaction.

    Args:
        rows: See `RunFactory`.
        reopen_missed: Replace runs that are MISSED (backfill). All other runs that exist do not change.

    Returns:
        The IDs of the runs that were inserted or reopened.
    """
    if not rows:
        return set()
    statement = insert(ScheduleRun).execution_options(render_nulls=True)
    statement = _or_reopen(statement) if reopen_missed else statement.on_conflict_do_nothing(index_elements=SLOT_KEY)
    inserted = set(db.session.scalars(statement.returning(ScheduleRun.id), rows))
    _emit_execute(row for row in rows if row["id"] in inserted and row["status"] == RunStatus.QUEUED)
    return inserted


def _or_reopen(statement: Insert) -> Insert:
    new_values = {name: statement.excluded[name] for name in REOPENED_COLUMNS}
    return statement.on_conflict_do_update(
        index_elements=SLOT_KEY,
        set_=new_values | {"error": None, "finished_at": None, "version": ScheduleRun.version + 1},
        where=ScheduleRun.status == RunStatus.MISSED,
    )


def _emit_execute(rows: Iterable[dict[str, Any]]) -> None:
    outbox.emit_many(
        (
            ScheduleExecute(
                id=row["id"],
                schedule_id=row["schedule_id"],
                scheduled_for=iso(row["scheduled_for"]),
                trigger=row["trigger"],
            ),
            None,
            row["id"],
        )
        for row in rows
    )
