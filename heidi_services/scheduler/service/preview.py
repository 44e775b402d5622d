"""Preview when an expression or a schedule will run, in words and as times."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.clock_changes import clock_change_notes
from heidi_services.scheduler.cron.description import describe_cron, describe_interval
from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.intervals import parse_interval
from heidi_services.scheduler.cron.occurrences import MICROSECOND, occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import load_timezone
from heidi_services.scheduler.cron.wording import wording
from heidi_services.scheduler.enums import ScheduleKind
from heidi_services.scheduler.misfire import slots_after
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.queries import database_now, get_schedule
from heidi_services.scheduler.service.validation import parse_cron_and_timezone, validate_timing, validate_year


@dataclass(frozen=True)
class CronPreview:
    """A preview.

    Attributes:
        description: The expression in words.
        times: The next occurrences, ISO 8601 with the local UTC offset.
        notes: What the clock changes within a year do to the occurrences.
    """

    description: str
    times: list[str]
    notes: list[str]


def preview_cron(
    expression: str, timezone: str, count: int, start: datetime | None, language: str | None = None
) -> CronPreview:
    """Preview an expression that is not stored.

    Args:
        expression: The cron expression.
        timezone: An IANA name.
        count: How many occurrences to compute.
        start: Occurrences after this instant; None means now.
        language: The language of the description and the notes, as a tag; English unless it is known.

    Raises:
        Invalid: The expression, the time zone or the year of `start` is not valid.
    """
    now = database_now()
    validate_year("from", start)
    cron, zone = parse_cron_and_timezone(expression, timezone, now)
    after = start or now
    return _preview(cron, zone, after, islice(occurrences_after(cron, zone, after), count), language)


def preview_schedule(schedule_id: UUID, count: int, language: str | None = None) -> CronPreview:
    """Preview a stored schedule, within its start and end. A disabled schedule has no times."""
    schedule = get_schedule(schedule_id)
    now = database_now()
    validate_timing(schedule, now)
    after = max(now, schedule.start_at - MICROSECOND) if schedule.start_at else now
    times = islice(slots_after(schedule, after), count if schedule.is_enabled else 0)
    zone = load_timezone(schedule.timezone)
    if schedule.kind == ScheduleKind.CRON:
        return _preview(parse_cron(schedule.cron_expression), zone, after, times, language)
    return CronPreview(_describe(schedule, zone, language), [_local_iso(at, zone) for at in times], [])


def _describe(schedule: Schedule, zone: ZoneInfo, language: str | None) -> str:
    if schedule.kind == ScheduleKind.AT and schedule.at is not None:
        return wording(language).once(_local_iso(schedule.at, zone), zone.key)
    assert schedule.every is not None and schedule.anchor_at is not None
    interval = describe_interval(parse_interval(schedule.every), language)
    return wording(language).counted_from(interval, _local_iso(schedule.anchor_at, zone))


def _preview(
    cron: CronExpression, zone: ZoneInfo, after: datetime, times: Iterable[datetime], language: str | None
) -> CronPreview:
    local_times = [_local_iso(at, zone) for at in times]
    notes = clock_change_notes(cron, zone, after, language)
    return CronPreview(describe_cron(cron, zone, language), local_times, notes)


def _local_iso(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
