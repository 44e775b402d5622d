"""Schedules and monitors that need an operator's attention."""

from sqlalchemy import select

from heidi_common.metrics.attention import AttentionItem, attention_item, present
from heidi_services.scheduler.enums import FAILED_STATUSES, MonitorStatus
from heidi_services.scheduler.models import Monitor, Schedule


def find_problems() -> list[AttentionItem]:
    """The enabled schedules whose last run failed, and the monitors of jobs that are down."""
    failing = select(Schedule.last_run).where(Schedule.is_enabled, Schedule.last_run_status.in_(FAILED_STATUSES))
    down = select(Monitor.status_changed_at).where(Monitor.status == MonitorStatus.DOWN)
    return present(
        [
            attention_item("failingSchedules", "/api/v1/schedules?isFailing=true&isEnabled=true", failing),
            attention_item("downMonitors", "/api/v1/schedules/monitors?status=DOWN", down),
        ]
    )
