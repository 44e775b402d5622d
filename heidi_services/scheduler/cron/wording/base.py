"""What a language has to say about expressions, intervals and clock changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence


class Wording(ABC):
    """The phrases of a language. Weekdays count from Sunday = 0, months from 1; times are `HH:MM`."""

    AND: str
    TO: str

    def join(self, phrases: Sequence[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + f" {self.AND} {phrases[-1]}"

    def numbers(self, values: Collection[int]) -> str:
        """Numbers, those that follow each other as a range: `1 to 3 and 7`."""
        return self.join([self._range(*bounds) for bounds in consecutive(values)])

    def _range(self, first: int, last: int) -> str:
        if first == last:
            return str(first)
        return f"{first} {self.TO} {last}" if last > first + 1 else f"{first}, {last}"

    @abstractmethod
    def sentence(self, times: str, days: str, months: str, *, is_combined: bool) -> str:
        """The phrases of an expression in the order of the language.

        Args:
            times: Never empty.
            days: May be empty.
            months: May be empty.
            is_combined: Both days of the month and days of the week are restricted.
        """

    @abstractmethod
    def at_times(self, times: Sequence[str]) -> str:
        """The times of a day."""

    @abstractmethod
    def every_minutes(self, step: int) -> str:
        """Every so many minutes; 1 is every minute."""

    @abstractmethod
    def every_minute_of(self, hours: Collection[int]) -> str:
        """Every minute of some hours."""

    @abstractmethod
    def at_minutes(self, minutes: Collection[int], hours: Collection[int] | None) -> str:
        """Minutes past some hours; past every hour if they are None."""

    @abstractmethod
    def every_day(self) -> str:
        """No restriction of the days."""

    @abstractmethod
    def on_dates(self, days: Collection[int], *, last: bool) -> str:
        """Days of the month; `last` adds the last day."""

    @abstractmethod
    def on_weekdays(self, weekly: Sequence[int], nth: Sequence[tuple[int, int]], last: Sequence[int]) -> str:
        """Days of the week: each week (Monday first), the n-th ones of the month, the last ones of the month."""

    @abstractmethod
    def either(self, dates: str, weekdays: str) -> str:
        """One of two phrases is sufficient."""

    @abstractmethod
    def both(self, dates: str, weekdays: str) -> str:
        """Both phrases are required."""

    @abstractmethod
    def in_months(self, months: Sequence[int]) -> str:
        """Some months."""

    @abstractmethod
    def every(self, days: int, hours: int, minutes: int, seconds: int) -> str:
        """An interval. At least one of the numbers is not 0."""

    @abstractmethod
    def once(self, time: str, zone: str) -> str:
        """A single time."""

    @abstractmethod
    def counted_from(self, interval: str, anchor: str) -> str:
        """An interval with its anchor."""

    @abstractmethod
    def skipped(self, times: str, count: int, resumes: str | None) -> str:
        """The clocks go forward over so many times. One run starts at `resumes`; if it is None, nothing runs."""

    @abstractmethod
    def repeated(self, times: str, count: int, *, is_run_twice: bool) -> str:
        """The clocks go back over so many times."""


def consecutive(values: Collection[int]) -> Iterator[tuple[int, int]]:
    """Group consecutive numbers: 1 2 3 7 -> (1, 3) (7, 7)."""
    first, *others = sorted(values)
    previous = first
    for value in others:
        if value != previous + 1:
            yield first, previous
            first = value
        previous = value
    yield first, previous
