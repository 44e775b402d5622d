"""Descriptions in English."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from heidi_services.scheduler.cron.wording.base import Wording

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth")


class English(Wording):
    """`at 02:30 on Mondays in June`."""

    AND, TO = "and", "to"

    def sentence(self, times: str, days: str, months: str, *, is_combined: bool) -> str:
        return " ".join(filter(None, (times, days, months)))

    def at_times(self, times: Sequence[str]) -> str:
        return f"at {self.join(times)}"

    def every_minutes(self, step: int) -> str:
        return "every minute" if step == 1 else f"every {step} minutes"

    def every_minute_of(self, hours: Collection[int]) -> str:
        return f"every minute of {self._counted('hour', hours)}"

    def at_minutes(self, minutes: Collection[int], hours: Collection[int] | None) -> str:
        past = "every hour" if hours is None else self._counted("hour", hours)
        return f"at {self._counted('minute', minutes)} past {past}"

    def every_day(self) -> str:
        return "every day"

    def on_dates(self, days: Collection[int], *, last: bool) -> str:
        phrases = [self._counted("day", days)] if days else []
        return f"on {self.join(phrases + (['the last day'] if last else []))} of the month"

    def on_weekdays(self, weekly: Sequence[int], nth: Sequence[tuple[int, int]], last: Sequence[int]) -> str:
        monthly = [f"the {ORDINALS[n - 1]} {WEEKDAYS[weekday]}" for weekday, n in nth]
        monthly += [f"the last {WEEKDAYS[weekday]}" for weekday in last]
        return f"on {self.join(_weekly(weekly) + monthly)}" + (" of the month" if monthly else "")

    def either(self, dates: str, weekdays: str) -> str:
        return f"{dates} or {weekdays}"

    def both(self, dates: str, weekdays: str) -> str:
        return f"{weekdays} if {dates}"

    def in_months(self, months: Sequence[int]) -> str:
        return f"in {self.join([MONTHS[month - 1] for month in months])}"

    def every(self, days: int, hours: int, minutes: int, seconds: int) -> str:
        parts = ((days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second"))
        return "every " + " ".join(f"{number} {unit}{'s' * (number > 1)}" for number, unit in parts if number)

    def once(self, time: str, zone: str) -> str:
        return f"once at {time}, {zone}"

    def counted_from(self, interval: str, anchor: str) -> str:
        return f"{interval}, counted from {anchor}"

    def skipped(self, times: str, count: int, resumes: str | None) -> str:
        effect = "nothing runs" if resumes is None else f"one run starts at {resumes}"
        return f"{times} {'is' if count == 1 else 'are'} skipped because the clocks go forward; {effect}"

    def repeated(self, times: str, count: int, *, is_run_twice: bool) -> str:
        effect = "runs start both times" if is_run_twice else "runs start the first time only"
        return f"{times} {'occurs' if count == 1 else 'occur'} twice because the clocks go back; {effect}"

    def _counted(self, noun: str, values: Collection[int]) -> str:
        return f"{noun}{'s' * (len(values) > 1)} {self.numbers(values)}"


def _weekly(weekdays: Sequence[int]) -> list[str]:
    if list(weekdays) == [1, 2, 3, 4, 5]:
        return ["Monday to Friday"]
    return [f"{WEEKDAYS[weekday]}s" for weekday in weekdays]
