"""Create runs from slots, and apply the overlap policy: is the run due, queued or skipped?

The caller has locked the schedule's row, so that the number of open runs does not change meanwhile.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_services.scheduler.enums import OPEN_STATUSES, RunStatus, Trigger
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.derived_ids import derived_id
from heidi_services.scheduler.service.overlap_policy import may_queue, may_start

QUEUED_DELAY = timedelta(hours=1)
"""A queued run becomes due when the run before it ends. This delay is only the safety net."""

OVERLAP_ERROR = "The previous run had not ended."


@dataclass
class RunFactory:
    """Creates the rows of one schedule's runs, slot after slot.

    Attributes:
        schedule: The schedule, or its row.
        trigger: What creates the runs.
        now: The database's time.
        open_runs: How many runs of the schedule have not ended. `create_run` counts on.
        queue_all: Several runs are created together; they are queued one after the other instead of being skipped.
    """

    schedule: Any
    trigger: Trigger
    now: datetime
    open_runs: int
    queue_all: bool = False

    def create_run(self, slot: datetime) -> dict[str, Any]:
        """Return the row of a run that is due, waits for the run before it, or is skipped."""
        policy = self.schedule.overlap_policy
        if may_start(policy, self.open_runs):
            due = self._due_with_jitter()
        elif self.queue_all or may_queue(policy, self.open_runs):
            due = self.now + QUEUED_DELAY
        else:
            return self.create_ended_run(slot, RunStatus.SKIPPED, OVERLAP_ERROR)
        self.open_runs += 1
        # The event's own message wakes a worker for a run that is due now; the clock wakes workers for the others.
        hinted_until = due if due > self.now else due + HINT_LEASE
        return self._row(slot, RunStatus.QUEUED, due=due, hinted_until=hinted_until)

    def create_ended_run(self, slot: datetime, status: RunStatus, error: str) -> dict[str, Any]:
        """Return the row of a slot that does not run."""
        row = self._row(slot, status, due=self.now, hinted_until=self.now)
        return row | {"finished_at": self.now, "error": error}

    def _due_with_jitter(self) -> datetime:
        return self.now + timedelta(seconds=random.uniform(0, self.schedule.jitter_seconds))  # nosec B311

    def _row(self, slot: datetime, status: RunStatus, *, due: datetime, hinted_until: datetime) -> dict[str, Any]:
        return {
            "id": run_id_of(self.schedule.id, slot),
            "schedule_id": self.schedule.id,
            "scheduled_for": slot,
            "trigger": self.trigger,
            "status": status,
            "next_attempt_at": due,
            "hinted_until": hinted_until,
            "finished_at": None,
            "error": None,
        }


def run_factory(schedule: Schedule, trigger: Trigger, now: datetime, *, queue_all: bool = False) -> RunFactory:
    """Prepare the creation of runs for one schedule, whose row the caller has locked."""
    open_runs = count_open_runs([schedule.id]).get(schedule.id, 0)
    return RunFactory(schedule, trigger, now, open_runs, queue_all)


def run_id_of(schedule_id: UUID, slot: datetime) -> UUID:
    """Derive the ID of a slot's run. Its `schedule.execute` event has the same ID."""
    return derived_id(schedule_id, slot.astimezone(UTC).isoformat(), at=slot)


def count_open_runs(schedule_ids: list[UUID]) -> dict[UUID, int]:
    """Count the runs that have not ended. Schedules without such runs are not in the result."""
    statement = (
        select(ScheduleRun.schedule_id, func.count().label("open"))
        .where(ScheduleRun.schedule_id.in_(schedule_ids), ScheduleRun.status.in_(OPEN_STATUSES))
        .group_by(ScheduleRun.schedule_id)
    )
    return {row.schedule_id: row.open for row in db.session.execute(statement)}
