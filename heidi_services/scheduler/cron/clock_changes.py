"""Notes for the author of an expression: what the coming daylight-saving changes do to its occurrences."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.occurrences import wall_clock_matches
from heidi_services.scheduler.cron.timezones import OffsetPeriod, offset_periods
from heidi_services.scheduler.cron.wording import wording
from heidi_services.scheduler.cron.wording.base import Wording

YEAR = timedelta(days=366)
MAX_LISTED_TIMES = 3


def clock_change_notes(cron: CronExpression, zone: ZoneInfo, start: datetime, language: str | None = None) -> list[str]:
    """Describe each clock change within a year of `start` that skips or repeats an occurrence.

    Args:
        cron: The expression.
        zone: The time zone of its times.
        start: The beginning of the year.
        language: A language tag; other languages than those of `wording` are described in English.

    Returns:
        One sentence per change, for example
        `2027-10-31: 02:30 occurs twice because the clocks go back; runs start the first time only`.
    """
    end, words = start + YEAR, wording(language)
    periods = (period for period in offset_periods(zone, start, end.year) if period.end <= end)
    return [note for period in periods if (note := _note(cron, zone, period, words))]


def _note(cron: CronExpression, zone: ZoneInfo, period: OffsetPeriod, words: Wording) -> str | None:
    before = period.end.replace(tzinfo=None) + period.offset
    after = period.end.replace(tzinfo=None) + period.next_offset
    affected = list(wall_clock_matches(cron, min(before, after), max(before, after)))
    if not affected:
        return None
    times = _times(affected, words)
    if before < after:
        resumes = None if cron.is_wildcard else period.end.astimezone(zone).isoformat(timespec="minutes")
        effect = words.skipped(times, len(affected), resumes)
    else:
        effect = words.repeated(times, len(affected), is_run_twice=cron.is_wildcard)
    return f"{affected[0]:%Y-%m-%d}: {effect}"


def _times(affected: list[datetime], words: Wording) -> str:
    if len(affected) <= MAX_LISTED_TIMES:
        return words.join([f"{wall:%H:%M}" for wall in affected])
    return f"{affected[0]:%H:%M} {words.TO} {affected[-1]:%H:%M}"
