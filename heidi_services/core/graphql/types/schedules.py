"""Schedules and their runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Connection, Info, read_page
from heidi_services.core.graphql.scalars import JSON, DateTime


@strawberry.type(name="Run", description="A run of a schedule.")
class RunNode:
    id: UUID
    schedule_id: UUID
    scheduled_for: DateTime
    started_at: DateTime | None
    finished_at: DateTime | None
    status: str
    trigger: str
    attempt: int
    result: JSON | None
    error: str | None
    duration_ms: int | None
    cancel_requested: bool
    reruns: int
    missed_from: DateTime | None
    missed_slots: int | None

    @strawberry.field(description="The schedule that it belongs to.")
    async def schedule(self: Any, info: Info) -> ScheduleNode | None:
        schedule: ScheduleNode = (await info.context.read("scheduler", f"/schedules/{self['scheduleId']}")).data
        return schedule


@strawberry.type(name="Schedule", description="An action that runs at the times of a cron expression.")
class ScheduleNode:
    id: UUID
    name: str
    description: str | None
    kind: str
    cron_expression: str | None
    at: DateTime | None
    every: str | None
    anchor_at: DateTime | None
    excluded_dates: list[str]
    holiday_calendars: list[str]
    tags: list[str]
    timezone: str
    action: str
    payload: JSON
    is_enabled: bool
    start_at: DateTime | None
    end_at: DateTime | None
    misfire_policy: str
    misfire_window_seconds: int
    overlap_policy: str
    concurrency_limit: int | None
    concurrency_key: str | None
    concurrency_policy: str
    on_failure: JSON | None
    alert_recipients: list[JSON]
    notify_on_recovery: bool
    max_attempts: int
    timeout_seconds: int
    jitter_seconds: int
    last_run: DateTime | None
    last_run_status: str | None
    next_run: DateTime | None
    run_count: int
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field(description="Its runs, newest slot first.")
    async def runs(
        self: Any, info: Info, first: int = PAGE_SIZE, after: str | None = None, status: str | None = None
    ) -> Connection[RunNode] | None:
        path = f"/schedules/{self['id']}/runs"
        page: Connection[RunNode] = await read_page(info, "scheduler", path, first, after, status=status)
        return page
