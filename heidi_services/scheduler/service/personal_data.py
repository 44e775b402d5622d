"""Schedules, runs and monitors for the export of a user's data."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from heidi_common.identity.personal_data import PersonalRows
from heidi_services.scheduler.models import Monitor, MonitorPing, Schedule, ScheduleRun
from heidi_services.scheduler.service.erasure import is_notified, payload_concerns
from heidi_services.scheduler.service.monitors import erasure as monitors


def _own(user_id: UUID) -> ColumnElement[bool]:
    return or_(Schedule.created_by == user_id, payload_concerns(user_id))


def _own_runs(user_id: UUID) -> ColumnElement[bool]:
    return ScheduleRun.schedule_id.in_(select(Schedule.id).where(_own(user_id)))


def _notifying(user_id: UUID) -> ColumnElement[bool]:
    """Schedules of others that notify the user; the user may not see what else they do."""
    return is_notified(user_id) & ~_own(user_id)


_SCHEDULE = (
    "name",
    "description",
    "cron_expression",
    "timezone",
    "action",
    "payload",
    "on_failure",
    "concurrency_key",
    "alert_recipients",
    "tags",
    "created_at",
)

PARTS = {
    "schedules": PersonalRows(Schedule, (*_SCHEDULE, "is_enabled", "created_by"), _own),
    "failureNotifications": PersonalRows(Schedule, ("on_failure",), _notifying),
    "runs": PersonalRows(
        ScheduleRun, ("schedule_id", "scheduled_for", "status", "result", "error", "finished_at"), _own_runs
    ),
    "monitors": PersonalRows(
        Monitor,
        ("name", "description", "every", "cron_expression", "timezone", "recipients", "status", "created_at"),
        monitors.is_own,
    ),
    "monitorAlerts": PersonalRows(Monitor, ("created_at",), monitors.is_warned),
    "pings": PersonalRows(
        MonitorPing, ("monitor_id", "received_at", "kind", "user_agent", "body"), monitors.is_own_ping
    ),
}
