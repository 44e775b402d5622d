"""What must hold of a schedule before it is saved."""

from collections.abc import Set
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_common.problems import FieldError, Invalid
from heidi_services.scheduler import cron
from heidi_services.scheduler.actions import check_payload
from heidi_services.scheduler.misfire import first_slot
from heidi_services.scheduler.models import Schedule

WINDOW = frozenset({"cron_expression", "timezone", "start_at", "end_at"})
DEED = frozenset({"action", "payload", "timeout_seconds"})
EARLIEST, LATEST = 1970, 2200
"""Years between which times are accepted: beyond, the calendar of time zones says nothing."""


def check(schedule: Schedule, changed: Set[str], now: datetime) -> None:
    """Raise Invalid, naming the fields, for what could never run. What was not changed hinders no other change."""
    if changed & WINDOW or (schedule.is_enabled and "is_enabled" in changed):
        read_cron(schedule.cron_expression, schedule.timezone, now)
    if changed & DEED:
        _check_deed(schedule)
    for name, moment in (("startAt", schedule.start_at), ("endAt", schedule.end_at)):
        check_year(name, moment)
    if schedule.start_at and schedule.end_at and schedule.end_at <= schedule.start_at:
        raise Invalid.field("endAt", "The end must be after the start.")
    _check_window(schedule, changed, now)


def _check_deed(schedule: Schedule) -> None:
    payload = check_payload(schedule.action, schedule.payload)
    if payload.get("timeout_seconds", 0) > schedule.timeout_seconds:
        raise Invalid.field("/payload/timeoutSeconds", "This is longer than the schedule's own timeoutSeconds.")


def _check_window(schedule: Schedule, changed: Set[str], now: datetime) -> None:
    ended = schedule.end_at is not None and schedule.end_at <= now
    if ended and "end_at" in changed:
        raise Invalid.field("endAt", "The end must be in the future.")
    if not ended and changed & WINDOW and first_slot(schedule, now, schedule.start_at) is None:
        raise Invalid.field("endAt", "The expression has no time before this end.")


def check_year(name: str, moment: datetime | None) -> None:
    if moment is not None and not EARLIEST <= moment.year < LATEST:
        raise Invalid.field(name, f"The year must be between {EARLIEST} and {LATEST - 1}.")


def read_cron(expression: str, timezone: str, now: datetime) -> tuple[cron.Cron, ZoneInfo]:
    """Both as values; raises Invalid for either or both."""
    errors: list[FieldError] = []
    try:
        zone = cron.zone(timezone)
    except cron.ZoneError as error:
        errors.append(FieldError("/timezone", str(error)))
    try:
        parsed = cron.parse(expression)
    except cron.CronError as error:
        errors.append(FieldError("/cronExpression", str(error)))
    if errors:
        raise Invalid(errors)
    if cron.next_after(parsed, zone, now - timedelta(days=366)) is None:
        raise Invalid.field("cronExpression", "In this time zone it never comes: the clocks skip its only hour.")
    return parsed, zone
