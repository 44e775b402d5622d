"""Validate a schedule before it is stored."""

from collections.abc import Set
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_common.problems import FieldError, Invalid
from heidi_services.scheduler.actions import validate_payload
from heidi_services.scheduler.cron.exclusions import CalendarError, load_calendar
from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.intervals import IntervalError, parse_interval
from heidi_services.scheduler.cron.occurrences import next_occurrence
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import TimezoneError, load_timezone
from heidi_services.scheduler.enums import ScheduleKind
from heidi_services.scheduler.misfire import next_slot
from heidi_services.scheduler.models import Schedule

TIMING_FIELDS = frozenset(
    {"kind", "cron_expression", "at", "every", "anchor_at", "timezone", "start_at", "end_at"}
    | {"excluded_dates", "holiday_calendars"}
)
ACTION_FIELDS = frozenset({"action", "payload", "timeout_seconds"})
MIN_YEAR, MAX_YEAR = 1970, 2199
"""Times outside these years are rejected: the time zone database does not cover them."""


def validate_schedule(schedule: Schedule, changed: Set[str], now: datetime) -> None:
    """Reject a schedule that could never run.

    Args:
        schedule: The schedule with its new values.
        changed: The attributes that are new. Only these are validated, so that a schedule whose other values were
            valid once can still be renamed or disabled.
        now: The database's time.

    Raises:
        Invalid: Names each wrong field.
    """
    if changed & TIMING_FIELDS or (schedule.is_enabled and "is_enabled" in changed):
        validate_timing(schedule, now)
    if schedule.concurrency_key is not None and schedule.concurrency_limit is None:
        raise Invalid.field("concurrencyLimit", "Required together with `concurrencyKey`.")
    if changed & ACTION_FIELDS:
        _validate_action(schedule)
    times = {"startAt": schedule.start_at, "endAt": schedule.end_at, "at": schedule.at, "anchorAt": schedule.anchor_at}
    for name, at in times.items():
        validate_year(name, at)
    if schedule.start_at and schedule.end_at and schedule.end_at <= schedule.start_at:
        raise Invalid.field("endAt", "Must be after `startAt`.")
    _validate_window(schedule, changed, now)


def _validate_action(schedule: Schedule) -> None:
    payload = validate_payload(schedule.action, schedule.payload)
    if payload.get("timeout_seconds", 0) > schedule.timeout_seconds:
        raise Invalid.field("/payload/timeoutSeconds", "Must not exceed the schedule's `timeoutSeconds`.")


def _validate_window(schedule: Schedule, changed: Set[str], now: datetime) -> None:
    ended = schedule.end_at is not None and schedule.end_at <= now
    if ended and "end_at" in changed:
        raise Invalid.field("endAt", "Must be in the future.")
    if not ended and changed & TIMING_FIELDS and next_slot(schedule, now, schedule.start_at) is None:
        raise _without_slots(schedule)


def _without_slots(schedule: Schedule) -> Invalid:
    if schedule.kind == ScheduleKind.AT:
        return Invalid.field("at", "Must be in the future, between `startAt` and `endAt`, and not on an excluded date.")
    if schedule.end_at is None and (schedule.excluded_dates or schedule.holiday_calendars):
        return Invalid.field("holidayCalendars", "Excluded dates and holidays leave no occurrence.")
    name = "every" if schedule.kind == ScheduleKind.EVERY else "cronExpression"
    return Invalid.field("endAt", f"`{name}` has no occurrence between `startAt` (or now) and `endAt`.")


def validate_timing(schedule: Schedule, now: datetime) -> None:
    """Reject times that cannot be computed.

    Raises:
        Invalid: Names each wrong field.
    """
    if schedule.kind == ScheduleKind.CRON:
        parse_cron_and_timezone(schedule.cron_expression, schedule.timezone, now)
    try:
        load_timezone(schedule.timezone)
        field = "every"
        parse_interval(schedule.every or "PT1M")
        field = "holidayCalendars"
        for name in schedule.holiday_calendars or ():
            load_calendar(name)
    except TimezoneError as error:
        raise Invalid.field("timezone", str(error)) from None
    except (IntervalError, CalendarError) as error:
        raise Invalid.field(field, str(error)) from None


def validate_year(name: str, at: datetime | None) -> None:
    if at is not None and not MIN_YEAR <= at.year <= MAX_YEAR:
        raise Invalid.field(name, f"The year must be between {MIN_YEAR} and {MAX_YEAR}.")


def parse_cron_and_timezone(expression: str, timezone: str, now: datetime) -> tuple[CronExpression, ZoneInfo]:
    """Parse the two fields that belong together.

    Raises:
        Invalid: Names `cronExpression`, `timezone` or both. Also if the expression never occurs in this time zone.
    """
    errors: list[FieldError] = []
    try:
        zone = load_timezone(timezone)
    except TimezoneError as error:
        errors.append(FieldError("/timezone", str(error)))
    try:
        cron = parse_cron(expression)
    except CronError as error:
        errors.append(FieldError("/cronExpression", str(error)))
    if errors:
        raise Invalid(errors)
    _reject_never_occurring(cron, zone, now)
    return cron, zone


def _reject_never_occurring(cron: CronExpression, zone: ZoneInfo, now: datetime) -> None:
    if next_occurrence(cron, zone, now - timedelta(days=366)) is None:
        detail = "Never occurs in this time zone: the daylight-saving change skips its only hour."
        raise Invalid.field("cronExpression", detail)
