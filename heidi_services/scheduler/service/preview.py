"""When a schedule will run, in words and in times."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from heidi_services.scheduler import cron
from heidi_services.scheduler.misfire import INSTANT, slots_of
from heidi_services.scheduler.service.queries import database_now, get
from heidi_services.scheduler.service.validation import check_year, read_cron


@dataclass(frozen=True)
class Preview:
    description: str
    times: list[str]  # with the local offset
    notes: list[str]  # what the clocks' changes do within a year


def preview(expression: str, timezone: str, count: int, start: datetime | None) -> Preview:
    now = database_now()
    check_year("from", start)
    parsed, zone = read_cron(expression, timezone, now)
    after = start or now
    times = islice(cron.slots(parsed, zone, after), count)
    return Preview(cron.describe(parsed, zone), [_local(at, zone) for at in times], cron.oddities(parsed, zone, after))


def upcoming(schedule_id: UUID, count: int) -> Preview:
    """Of a saved schedule, within its start and end; without times while it is disabled."""
    schedule = get(schedule_id)
    now = database_now()
    parsed, zone = read_cron(schedule.cron_expression, schedule.timezone, now)
    after = max(now, schedule.start_at - INSTANT) if schedule.start_at else now
    times = islice(slots_of(schedule, after), count if schedule.is_enabled else 0)
    return Preview(cron.describe(parsed, zone), [_local(at, zone) for at in times], cron.oddities(parsed, zone, after))


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
