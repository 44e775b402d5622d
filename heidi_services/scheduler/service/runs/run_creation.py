"""Create runs from slots, and apply the overlap policy: is the run due, queued or skipped?

The caller has locked the schedule's row, so that the number of open runs does not change meanwhile.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_services.scheduler.enums import OPEN_STATUSES, ConcurrencyPolicy, RunStatus, Trigger
from heidi_services.scheduler.misfire import MissedSlots
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.derived_ids import derived_id
from heidi_services.scheduler.service.runs.concurrency import count_in_groups
from heidi_services.scheduler.service.runs.overlap_policy import may_overlap, may_queue, may_start

QUEUED_DELAY = timedelta(hours=1)
"""A queued run becomes due when the run before it ends. This delay is only the safety net."""

MISFIRE_ERROR = "No clock process dispatched this slot in time."
OVERLAP_ERROR = "The previous run had not ended."

LIMIT_ERROR = "As many runs as the concurrency limit allows had not ended."
MAX_WAITING = 100
"""Runs of one key that wait for the concurrency limit."""

REPLAYS_AT_ONCE = 5
"""Runs of past slots that one schedule executes at the same time, if its runs may overlap."""


class OpenRuns(NamedTuple):
    """The runs of a schedule that have not ended: of current slots (or by hand), and of past slots."""

    live: int = 0
    replays: int = 0


@dataclass
class RunFactory:
    """Creates the rows of one schedule's runs, slot after slot.

    Attributes:
        schedule: The schedule, or its row.
        trigger: What creates the runs.
        now: The database's time.
        live: How many runs of current slots have not ended. `create_run` counts on.
        replays: How many runs of past slots have not ended. `create_replay` counts on.
        in_group: How many runs with the schedule's concurrency key have not ended. `create_run` counts on.
    """

    schedule: Any
    trigger: Trigger
    now: datetime
    live: int = 0
    replays: int = 0
    in_group: int = 0

    def create_run(self, slot: datetime) -> dict[str, Any]:
        """Return the row of a run that is due, waits for the run before it, or is skipped."""
        if self.schedule.concurrency_limit is not None:
            return self._create_limited(slot)
        policy = self.schedule.overlap_policy
        if may_start(policy, self.live):
            due = self._due_with_jitter()
        elif may_queue(policy, self.live):
            due = self.now + QUEUED_DELAY
        else:
            return self.create_ended_run(slot, RunStatus.SKIPPED, OVERLAP_ERROR)
        self.live += 1
        return self._queued(slot, due)

    def _create_limited(self, slot: datetime) -> dict[str, Any]:
        """A run with a concurrency limit is due immediately; workers count the runs when they claim it."""
        above = self.in_group - self.schedule.concurrency_limit
        policy = self.schedule.concurrency_policy
        if above >= (0 if policy == ConcurrencyPolicy.SKIP else MAX_WAITING):
            return self.create_ended_run(slot, RunStatus.SKIPPED, LIMIT_ERROR)
        self.in_group += 1
        return self._queued(slot, self._due_with_jitter())

    def create_replay(self, slot: datetime) -> dict[str, Any]:
        """Return the row of a run that repeats a past slot. It waits for the earlier ones, never for current slots."""
        at_once = REPLAYS_AT_ONCE if may_overlap(self.schedule.overlap_policy) else 1
        due = self.now if self.replays < at_once else self.now + QUEUED_DELAY
        self.replays += 1
        return self._queued(slot, due) | {"is_replay": True}

    def create_ended_run(self, slot: datetime, status: RunStatus, error: str) -> dict[str, Any]:
        """Return the row of a slot that does not run."""
        row = self._row(slot, status, due=self.now, hinted_until=self.now)
        return row | {"finished_at": self.now, "error": error}

    def create_missed(self, missed: MissedSlots) -> dict[str, Any]:
        """Return the row that stands for a range of missed slots."""
        row = self.create_ended_run(missed.last, RunStatus.MISSED, MISFIRE_ERROR)
        return row | {"missed_from": missed.first, "missed_slots": missed.count}

    def _queued(self, slot: datetime, due: datetime) -> dict[str, Any]:
        # The event's own message wakes a worker for a run that is due now; the clock wakes workers for the others.
        hinted_until = due if due > self.now else due + HINT_LEASE
        return self._row(slot, RunStatus.QUEUED, due=due, hinted_until=hinted_until)

    def _due_with_jitter(self) -> datetime:
        """Jitter spreads the load of many schedules with equal times; a user who runs one now does not wait."""
        jitter_seconds = self.schedule.jitter_seconds if self.trigger == Trigger.CRON else 0
        return self.now + timedelta(seconds=random.uniform(0, jitter_seconds))  # nosec B311

    def _row(self, slot: datetime, status: RunStatus, *, due: datetime, hinted_until: datetime) -> dict[str, Any]:
        return {
            "id": run_id_of(self.schedule.id, slot),
            "schedule_id": self.schedule.id,
            "scheduled_for": slot,
            "trigger": self.trigger,
            "status": status,
            "created_at": self.now,
            "next_attempt_at": due,
            "hinted_until": hinted_until,
            "finished_at": None,
            "error": None,
            "missed_from": None,
            "missed_slots": None,
            "is_replay": False,
        }


def run_factory(schedule: Schedule, trigger: Trigger, now: datetime) -> RunFactory:
    """Prepare the creation of runs for one schedule, whose row the caller has locked."""
    counts = count_open_runs([schedule.id]).get(schedule.id, OpenRuns())
    return RunFactory(schedule, trigger, now, *counts, count_in_groups([schedule]).get(schedule.id, 0))


def run_id_of(schedule_id: UUID, slot: datetime) -> UUID:
    """Derive the ID of a slot's run. Its `schedule.execute` event has the same ID."""
    return derived_id(schedule_id, slot.astimezone(UTC).isoformat(), at=slot)


def count_open_runs(schedule_ids: list[UUID]) -> dict[UUID, OpenRuns]:
    """Count the runs that have not ended. Schedules without such runs are not in the result."""
    is_replay = ScheduleRun.is_replay
    statement = (
        select(ScheduleRun.schedule_id, func.count().filter(~is_replay), func.count().filter(is_replay))
        .where(ScheduleRun.schedule_id.in_(schedule_ids), ScheduleRun.status.in_(OPEN_STATUSES))
        .group_by(ScheduleRun.schedule_id)
    )
    return {schedule_id: OpenRuns(*counts) for schedule_id, *counts in db.session.execute(statement)}
