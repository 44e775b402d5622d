"""One field of a cron expression: numbers, names, ranges (`1-5`), steps (`*/15`) and lists (`1,15`)."""

from dataclasses import dataclass, field

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


HINTS = {
    "?": "`?` of Quartz is written `*`",
    "W": "the working day nearest to a date cannot be expressed",
    "H": "`H` of Jenkins cannot be used; choose a value, or set `jitterSeconds`",
}
"""What is said of characters that other schedulers know."""


class CronError(ValueError):
    """The expression is not valid. The message tells its author what to change."""


@dataclass(frozen=True)
class CronField:
    """The values that a field accepts, and the functions that parse its text (upper case)."""

    name: str
    low: int
    high: int
    names: dict[str, int] = field(default_factory=dict)
    extra_syntax: str = ""

    def parse_list(self, text: str) -> frozenset[int]:
        return frozenset(value for item in text.split(",") for value in self.parse_item(item))

    def parse_item(self, text: str) -> range:
        """Parse `*`, `a` or `a-b`, each with or without `/n`. A single `a/n` continues to the end of the field."""
        base, slash, step_text = text.partition("/")
        step = self.parse_step(step_text) if slash else 1
        if base == "*":
            return range(self.low, self.high + 1, step)
        first, dash, last = base.partition("-")
        start = self.parse_number(first)
        end = self.parse_number(last) if dash else self.high if slash else start
        if end < start:
            two_ranges = f"{self._range(first, start, self.highest)},{self._range(self._low_name(last), self.low, end)}"
            raise CronError(f"{self.name}: the range '{base}' runs backwards; write '{two_ranges}'")
        return range(start, end + 1, step)

    @property
    def highest(self) -> int:
        """The last value of the field; Sunday is 0 as well as 7."""
        return max(self.names.values(), default=self.high)

    def _low_name(self, other: str) -> str:
        """The lowest value, as a name if the other end of the range is a name."""
        return next(iter(self.names)) if other in self.names else str(self.low)

    def _range(self, first: str, start: int, end: int) -> str:
        """A range from a value, as its author wrote it, to another one; a single value if they are equal."""
        if start == end:
            return first
        names = {number: name for name, number in self.names.items()}
        return f"{first}-{names[end] if first in self.names else end}"

    def parse_number(self, text: str) -> int:
        if text in self.names:
            return self.names[text]
        if not text.isdigit():
            hint = next((f" ({hint})" for form, hint in HINTS.items() if form in text), "")
            raise CronError(f"{self.name}: '{text}' is not understood{hint}; use {self.expected}")
        value = int(text)
        if not self.low <= value <= self.high:
            raise CronError(f"{self.name} {value} is out of range {self.low}-{self.high}")
        return value

    def parse_step(self, text: str) -> int:
        if not text.isdigit() or int(text) == 0:
            raise CronError(f"{self.name}: '/{text}' is not a step; write a whole number from 1 after the slash")
        return int(text)

    @property
    def expected(self) -> str:
        """What the author of an expression may write in this field."""
        names = f" (or {next(iter(self.names))}-{list(self.names)[-1]})" if self.names else ""
        return f"a number {self.low}-{self.high}{names}, *, a range a-b, a step */n or a list a,b{self.extra_syntax}"


MINUTE = CronField("minute", 0, 59)
HOUR = CronField("hour", 0, 23)
DAY = CronField("day of month", 1, 31, extra_syntax=", or L for the last day")
MONTH = CronField("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
WEEKDAY = CronField(
    "day of week",
    0,
    7,
    {name: number for number, name in enumerate(WEEKDAYS)},
    extra_syntax=", or 5#2 for the second and 5L for the last Friday of the month",
)
