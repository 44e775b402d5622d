"""Schedules that need an operator's attention."""

from sqlalchemy import select

from heidi_common.metrics.attention import AttentionItem, attention_item, present
from heidi_services.scheduler.enums import FAILED_STATUSES
from heidi_services.scheduler.models import Schedule


def find_problems() -> list[AttentionItem]:
    """The enabled schedules whose last run failed."""
    failing = select(Schedule.last_run).where(Schedule.is_enabled, Schedule.last_run_status.in_(FAILED_STATUSES))
    return present([attention_item("failingSchedules", "/api/v1/schedules?isFailing=true&isEnabled=true", failing)])
