"""Validate a schedule before it is stored."""

from collections.abc import Set
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_common.problems import FieldError, Invalid
from heidi_services.scheduler.actions import validate_payload
from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.occurrences import next_occurrence
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import TimezoneError, load_timezone
from heidi_services.scheduler.misfire import next_slot
from heidi_services.scheduler.models import Schedule

TIMING_FIELDS = frozenset({"cron_expression", "timezone", "start_at", "end_at"})
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
        parse_cron_and_timezone(schedule.cron_expression, schedule.timezone, now)
    if schedule.concurrency_key is not None and schedule.concurrency_limit is None:
        raise Invalid.field("concurrencyLimit", "Is required with `concurrencyKey`.")
    if changed & ACTION_FIELDS:
        _validate_action(schedule)
    for name, at in (("startAt", schedule.start_at), ("endAt", schedule.end_at)):
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
        raise Invalid.field("endAt", "`cronExpression` has no occurrence between `startAt` (or now) and `endAt`.")


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
