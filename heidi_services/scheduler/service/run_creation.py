"""Turning slots into runs: one row for each slot, whoever asks and however often, and a fact for each that shall run.

The caller holds the schedule's row, so what is counted as open stays so.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.session import db
from heidi_common.messaging import outbox
from heidi_common.messaging.events import ScheduleExecute
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.actions import derived_id
from heidi_services.scheduler.enums import OPEN, Overlap, Status, Trigger
from heidi_services.scheduler.models import Schedule, ScheduleRun

LONG = timedelta(hours=1)
"""A run that waits for the one before it is woken by that one's end; this is only the safety net."""

OVERLAPPED = "The run before it had not ended."


@dataclass
class Admission:
    """Decides, slot after slot of one schedule, what becomes of it."""

    schedule: Any
    trigger: Trigger
    now: datetime
    open: int  # runs of the schedule that are waiting or going
    queue: bool = False  # several at once: one after the other, instead of skipping

    def admit(self, slot: datetime) -> dict[str, Any]:
        """The row of a run that may go now, waits for its turn, or is skipped."""
        allowed = self.schedule.overlap_policy == Overlap.ALLOW
        if allowed or self.open == 0:
            due = self._jittered()
        elif self.queue or (self.schedule.overlap_policy == Overlap.QUEUE_ONE and self.open == 1):
            due = self.now + LONG
        else:
            return self.settled(slot, Status.SKIPPED, OVERLAPPED)
        self.open += 1
        # The fact's message is the first hint of what is due now; the clock hints at the rest in its time.
        return self._row(slot, Status.QUEUED, due=due, hinted=due if due > self.now else due + HINT_LEASE)

    def settled(self, slot: datetime, status: Status, error: str) -> dict[str, Any]:
        """The row of a slot that does not run."""
        row = self._row(slot, status, due=self.now, hinted=self.now)
        return row | {"finished_at": self.now, "error": error}

    def _jittered(self) -> datetime:
        return self.now + timedelta(seconds=random.uniform(0, self.schedule.jitter_seconds))  # nosec B311

    def _row(self, slot: datetime, status: Status, *, due: datetime, hinted: datetime) -> dict[str, Any]:
        return {
            "id": run_id(self.schedule.id, slot),
            "schedule_id": self.schedule.id,
            "scheduled_for": slot,
            "trigger": self.trigger,
            "status": status,
            "next_attempt_at": due,
            "hinted_until": hinted,
            "finished_at": None,
            "error": None,
        }


def run_id(schedule_id: UUID, slot: datetime) -> UUID:
    """Derived, for the run and for its fact: two clocks that see one slot mean the same thing."""
    return derived_id(schedule_id, slot.astimezone(UTC).isoformat(), at=slot)


def store(rows: list[dict[str, Any]], *, reopen_missed: bool = False) -> set[UUID]:
    """Insert what is not there yet, say `schedule.execute` for what shall run; returns the ids made."""
    if not rows:
        return set()
    statement = insert(ScheduleRun).execution_options(render_nulls=True)
    key = ["schedule_id", "scheduled_for"]
    if reopen_missed:
        fresh = {name: statement.excluded[name] for name in ("trigger", "status", "next_attempt_at", "hinted_until")}
        statement = statement.on_conflict_do_update(
            index_elements=key,
            set_=fresh | {"error": None, "finished_at": None, "version": ScheduleRun.version + 1},
            where=ScheduleRun.status == Status.MISSED,
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    made = set(db.session.scalars(statement.returning(ScheduleRun.id), rows))
    _announce(row for row in rows if row["id"] in made and row["status"] == Status.QUEUED)
    return made


def _announce(rows: Iterable[dict[str, Any]]) -> None:
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


def count_open(schedule_ids: list[UUID]) -> dict[UUID, int]:
    statement = (
        select(ScheduleRun.schedule_id, func.count().label("open"))
        .where(ScheduleRun.schedule_id.in_(schedule_ids), ScheduleRun.status.in_(OPEN))
        .group_by(ScheduleRun.schedule_id)
    )
    return {row.schedule_id: row.open for row in db.session.execute(statement)}


def admission(schedule: Schedule, trigger: Trigger, now: datetime, *, queue: bool = False) -> Admission:
    """For one schedule whose row is held."""
    return Admission(schedule, trigger, now, count_open([schedule.id]).get(schedule.id, 0), queue)
