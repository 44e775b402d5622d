"""Notes for the author of an expression: what the coming daylight-saving changes do to its occurrences."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.description import join_words
from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.occurrences import wall_clock_matches
from heidi_services.scheduler.cron.timezones import OffsetPeriod, offset_periods

YEAR = timedelta(days=366)
MAX_LISTED_TIMES = 3


def clock_change_notes(cron: CronExpression, zone: ZoneInfo, start: datetime) -> list[str]:
    """Describe each clock change within a year of `start` that skips or repeats an occurrence.

    Returns:
        One sentence per change, for example
        `2027-10-31: 02:30 occurs twice because the clocks go back; runs start the first time only`.
    """
    end = start + YEAR
    periods = (period for period in offset_periods(zone, start, end.year) if period.end <= end)
    return [note for period in periods if (note := _note(cron, zone, period))]


def _note(cron: CronExpression, zone: ZoneInfo, period: OffsetPeriod) -> str | None:
    before = period.end.replace(tzinfo=None) + period.offset
    after = period.end.replace(tzinfo=None) + period.next_offset
    affected = list(wall_clock_matches(cron, min(before, after), max(before, after)))
    if not affected:
        return None
    resumes = period.end.astimezone(zone).isoformat(timespec="minutes")
    effect = _skipped(cron, len(affected), resumes) if before < after else _repeated(cron, len(affected))
    return f"{affected[0]:%Y-%m-%d}: {_times(affected)} {effect}"


def _times(affected: list[datetime]) -> str:
    if len(affected) <= MAX_LISTED_TIMES:
        return join_words([f"{wall:%H:%M}" for wall in affected])
    return f"{affected[0]:%H:%M} to {affected[-1]:%H:%M}"


def _skipped(cron: CronExpression, count: int, resumes: str) -> str:
    effect = "nothing runs" if cron.is_wildcard else f"one run starts at {resumes}"
    return f"{'is' if count == 1 else 'are'} skipped because the clocks go forward; {effect}"


def _repeated(cron: CronExpression, count: int) -> str:
    effect = "runs start both times" if cron.is_wildcard else "runs start the first time only"
    return f"{'occurs' if count == 1 else 'occur'} twice because the clocks go back; {effect}"
