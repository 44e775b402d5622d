"""The tables of the scheduler."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    UniqueConstraint,
    case,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, Entity
from heidi_common.messaging.jobs import JobMixin
from heidi_common.metrics.problem_gauges import problem_gauge

EMITTING_ACTIONS = ("core.operation", "event.emit", "integration.sync", "notification.send")
"""The actions that only emit events, as they declare it themselves (`emits_only`)."""


class Schedule(Entity, Base):
    """An action and when to run it (policies: `enums.py`). `next_run` is NULL while disabled and after its end."""

    __tablename__ = "schedules"
    __table_args__ = (
        Index("ix_schedules_concurrency_key", "concurrency_key", postgresql_where=text("concurrency_key IS NOT NULL")),
        Index("ix_schedules_next_run", "next_run", postgresql_where=text("is_enabled")),
        Index("ix_schedules_created_at_id", "created_at", "id"),
        Index("ix_schedules_name_id", "sort_name", "id"),
        Index("ix_schedules_failing", "last_run", postgresql_where=text("last_run_status IN ('FAILED', 'TIMED_OUT')")),
    )

    name: Mapped[str]
    sort_name: Mapped[str] = mapped_column(Computed("plain_letters(name)", persisted=True), deferred=True)
    """The name as lists are sorted by it: Ä beside A."""
    description: Mapped[str | None]
    kind: Mapped[str] = mapped_column(default="CRON", server_default="CRON")
    cron_expression: Mapped[str]
    """Empty for the kinds AT and EVERY."""
    at: Mapped[datetime | None]
    every: Mapped[str | None]
    """The interval of the kind EVERY, an ISO 8601 duration."""
    anchor_at: Mapped[datetime | None]
    """The intervals of the kind EVERY are counted from this instant."""
    excluded_dates: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Dates in the time zone of the schedule (ISO 8601) on which it has no slots."""
    holiday_calendars: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Calendars on whose holidays it has no slots, such as `DE-BY` or `ECB`."""
    tags: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    timezone: Mapped[str]
    action: Mapped[str]
    payload: Mapped[dict[str, Any]]
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    misfire_policy: Mapped[str]
    misfire_window_seconds: Mapped[int]
    overlap_policy: Mapped[str]
    concurrency_limit: Mapped[int | None]
    """How many runs with the same key may be executed at the same time. If set, `overlap_policy` does not apply."""
    concurrency_key: Mapped[str | None]
    """Schedules with the same key share the limit; None: the limit is that of this schedule alone."""
    concurrency_policy: Mapped[str] = mapped_column(default="QUEUE", server_default="QUEUE")
    on_failure: Mapped[dict[str, Any] | None]
    alert_recipients: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Further recipients, each as in `on_failure`."""
    notify_on_recovery: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    max_attempts: Mapped[int]
    timeout_seconds: Mapped[int]
    jitter_seconds: Mapped[int]
    last_run: Mapped[datetime | None]
    last_run_status: Mapped[str | None]
    next_run: Mapped[datetime | None]
    next_wall_clock: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    """What the clocks of the time zone show at `next_run`. If the zone's rules change, the next run keeps this time."""
    rules_version: Mapped[str | None]
    """The release of the time zone rules that `next_run` was computed with."""
    run_count: Mapped[int] = mapped_column(default=0, server_default="0")
    created_by: Mapped[UUID]


class ScheduleRun(Entity, JobMixin, Base):
    """One slot of one schedule and its outcome, or a range of missed slots.

    The row is the job, see `heidi_common.messaging.jobs`.
    The unique key makes the dispatch exact: however many clock processes see a slot, it gets one row.
    """

    __tablename__ = "schedule_runs"
    __table_args__ = (
        UniqueConstraint("schedule_id", "scheduled_for"),
        Index("ix_schedule_runs_scheduled_for_id", "scheduled_for", "id"),
        Index("ix_schedule_runs_due", "next_attempt_at", postgresql_where=text("status = 'QUEUED'")),
        Index("ix_schedule_runs_running", "locked_until", postgresql_where=text("status = 'RUNNING'")),
        Index("ix_schedule_runs_open", "schedule_id", postgresql_where=text("status IN ('QUEUED', 'RUNNING')")),
        Index("ix_schedule_runs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"))
    scheduled_for: Mapped[datetime]
    trigger: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    missed_from: Mapped[datetime | None]
    """A MISSED row stands for the slots from this one to `scheduled_for`."""
    missed_slots: Mapped[int | None]
    """How many slots a MISSED row stands for."""
    is_replay: Mapped[bool] = mapped_column(server_default=text("false"))
    """The run repeats a slot of the past, beside the runs of current slots: neither waits for the other."""
    cancel_requested_at: Mapped[datetime | None]
    """When the cancellation of a RUNNING run was requested. Its action ends as soon as it notices."""
    reruns: Mapped[int] = mapped_column(server_default="0")
    """How often the run was queued again after it had ended."""
    awaits: Mapped[UUID | None]
    """The ID of the request event that another service must handle before this run has succeeded."""

    work, open_status = "runs", "QUEUED"
    queue = "scheduler"

    @classmethod
    def queue_of_row(cls) -> ColumnElement[str]:
        """The queue of runs that wait for the servers of strangers, or that of all others."""
        action = select(Schedule.action).where(Schedule.id == cls.schedule_id).scalar_subquery()
        return case((action.in_(EMITTING_ACTIONS), cls.queue), else_="outbound")

    @property
    def cancel_requested(self) -> bool:
        """The run is RUNNING, and its action is to end."""
        return self.status == "RUNNING" and self.cancel_requested_at is not None

    @property
    def duration_ms(self) -> int | None:
        """Duration of the last attempt; None until it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


class Monitor(Entity, Base):
    """A job that runs elsewhere and reports by pings (statuses: `enums.MonitorStatus`).

    Its times are those of the database's clock.
    """

    __tablename__ = "monitors"
    __table_args__ = (
        Index("ix_monitors_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_monitors_created_at_id", "created_at", "id"),
        Index("ix_monitors_status", "status"),
        UniqueConstraint("ping_key"),
        UniqueConstraint("badge_key"),
    )

    name: Mapped[str]
    description: Mapped[str | None]
    every: Mapped[str | None]
    """The longest time between two pings, an ISO 8601 duration. Either this or a cron expression is set."""
    cron_expression: Mapped[str | None]
    timezone: Mapped[str]
    grace_seconds: Mapped[int]
    ping_key: Mapped[UUID]
    badge_key: Mapped[UUID]
    recipients: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    manual_resume: Mapped[bool] = mapped_column(server_default=text("false"))
    """Pings do not end a pause."""
    status: Mapped[str]
    status_changed_at: Mapped[datetime]
    last_ping_at: Mapped[datetime | None]
    """The last ping of a kind that says how the job has ended."""
    last_ping_kind: Mapped[str | None]
    started_at: Mapped[datetime | None]
    """When the job has reported its start, until it reports its end."""
    started_run: Mapped[UUID | None]
    """The run that has started, if the job names its runs (`rid`)."""
    last_duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    expected_at: Mapped[datetime | None]
    """When the next ping is expected at the latest. The grace time follows."""
    due_at: Mapped[datetime | None]
    """When the clock changes the status, unless a ping comes before."""
    ping_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_by: Mapped[UUID]


class MonitorPing(Base):
    """A ping that a monitor has received. `number` counts the pings of a monitor."""

    __tablename__ = "monitor_pings"
    __table_args__ = (
        UniqueConstraint("monitor_id", "number"),
        Index("ix_monitor_pings_received_at", "received_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    monitor_id: Mapped[UUID] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    kind: Mapped[str]
    exit_status: Mapped[int | None]
    run: Mapped[UUID | None]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    method: Mapped[str]
    user_agent: Mapped[str | None]
    body: Mapped[str | None]
    is_truncated: Mapped[bool] = mapped_column(server_default=text("false"))


class MonitorTransition(Base):
    """A change of a monitor's status, and why."""

    __tablename__ = "monitor_changes"
    __table_args__ = (
        Index("ix_monitor_changes_monitor_id_changed_at", "monitor_id", "changed_at"),
        Index("ix_monitor_changes_changed_at", "changed_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    monitor_id: Mapped[UUID] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    changed_at: Mapped[datetime]
    status: Mapped[str]
    previous_status: Mapped[str]
    reason: Mapped[str]


problem_gauge(
    "schedules_failing",
    "Enabled schedules whose last run failed",
    select(func.count())
    .select_from(Schedule)
    .where(Schedule.is_enabled, literal_column("last_run_status IN ('FAILED', 'TIMED_OUT')")),
)
problem_gauge(
    "schedules_overdue_seconds",
    "How long the next run of a schedule has been due without having been dispatched",
    select(func.greatest(func.extract("epoch", func.now() - func.min(Schedule.next_run)), 0)).where(
        Schedule.is_enabled
    ),
)
