"""Charts, drawn as SVG by the server: stacked bars of numbers, and lines of durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heidi_console.translations import translate
from heidi_console.translations.numbers import number
from heidi_console.translations.terms import term
from heidi_console.translations.times import clock_time

WIDTH, HEIGHT = 480, 120
Values = Sequence[int | None]


@dataclass(frozen=True)
class Line:
    """One series of a chart.

    Attributes:
        label: Its name.
        tone: Its color: one of the tones of statuses.
        path: Its bars or its line, in the coordinates of the chart.
        figure: Its sum, or its last value.
    """

    label: str
    tone: str
    path: str
    figure: str


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        title: What it shows.
        lines: Its series.
        top: The highest value, at the upper edge, as text; empty without values.
        start: The time at the left edge, as text.
        end: The time at the right edge, as text.
        is_line: Whether the series are lines; otherwise they are stacked bars.
        steps: For each step its left edge, its width and its description.
    """

    title: str
    lines: Sequence[Line]
    top: str
    start: str
    end: str
    is_line: bool
    steps: Sequence[tuple[float, float, str]]

    @property
    def summary(self) -> str:
        """The chart in words."""
        figures = ", ".join(f"{line.label} {line.figure}" for line in self.lines)
        return f"{self.title}, {self.start} – {self.end}: {figures or translate('nothing yet')}"


def bars(title: str, data: Mapping[str, Any], label: str | None, tones: Mapping[str, str]) -> Chart:
    """Stacked bars.

    Args:
        title: What the chart shows.
        data: The response of `/core/overview/series`.
        label: The label whose values are the series; None: one series of everything.
        tones: Value of the label -> tone. Other values are left out.
    """
    sums = {name: [0] * len(data["times"]) for name in tones}
    for series in data["series"]:
        name = series["labels"].get(label) if label else next(iter(tones))
        if name in sums:
            sums[name] = [total + (value or 0) for total, value in zip(sums[name], series["values"], strict=True)]
    highest = max(map(sum, zip(*sums.values(), strict=True)), default=0)
    heights = [0.0] * len(data["times"])
    lines = []
    for name, values in sums.items():
        path = _bar_path(values, heights, highest)
        heights = [below + value for below, value in zip(heights, values, strict=True)]
        text = term(name) if label else translate("All")
        lines.append(Line(text, tones[name], path, number(sum(values))))
    named = {line.label: values for line, values in zip(lines, sums.values(), strict=True)}
    return _chart(title, data, lines, number(highest) if highest else "", is_line=False, named=named)


def durations(title: str, data: Mapping[str, Any]) -> Chart:
    """Lines of p50 and p95 over all channels."""
    values: dict[str, Values] = {
        series["labels"]["quantile"]: series["values"]
        for series in data["series"]
        if series["labels"]["channel"] == "ALL"
    }
    highest = max((value for each in values.values() for value in each if value is not None), default=0)
    tones = {"p50": "busy", "p95": "warn"}
    lines = [Line(name, tones[name], _line_path(each, highest), duration(_last(each))) for name, each in values.items()]
    return _chart(title, data, lines, duration(highest) if highest else "", is_line=True, named=values)


def duration(milliseconds: int | None) -> str:
    """A duration with a unit that suits it: `250 ms`, `4.2 s`, `3 min`."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{number(round(seconds, 1))} s" if seconds < 100 else f"{number(round(seconds / 60))} min"


def _chart(
    title: str, data: Mapping[str, Any], lines: Sequence[Line], top: str, *, is_line: bool, named: Mapping[str, Values]
) -> Chart:
    times, step = data["times"], data["step"]
    width = WIDTH / max(1, len(times))
    show = duration if is_line else str
    steps = [
        (
            round(number * width, 1),
            round(width, 1),
            f"{clock_time(at, step)}: "
            + ", ".join(f"{name} {show(values[number])}" for name, values in named.items() if values[number]),
        )
        for number, at in enumerate(times)
        if any(values[number] for values in named.values())
    ]
    ends = clock_time(data["from"], step), clock_time(data["to"], step)
    return Chart(title, lines, top, *ends, is_line, steps)


def _bar_path(values: Sequence[int], below: Sequence[float], highest: int) -> str:
    """A rectangle for each value, on top of the series below it. Any value is at least a line of one unit."""
    width = WIDTH / max(1, len(values))
    gap = 1 if width > 4 else 0
    parts = []
    for step, (value, base) in enumerate(zip(values, below, strict=True)):
        if value:
            height = max(1.5, value / highest * HEIGHT)
            bottom = HEIGHT - base / highest * HEIGHT
            left = step * width
            parts.append(f"M{left:.1f} {bottom:.1f}v-{height:.1f}h{width - gap:.1f}v{height:.1f}z")
    return "".join(parts)


def _line_path(values: Values, highest: int) -> str:
    """A line through the values that exist; it is interrupted where there are none."""
    width = WIDTH / max(1, len(values))
    parts, previous = [], False
    for step, value in enumerate(values):
        if value is not None:
            x, y = (step + 0.5) * width, HEIGHT - value / max(1, highest) * (HEIGHT - 2)
            parts.append(f"{'L' if previous else 'M'}{x:.1f} {y:.1f}h.1")
        previous = value is not None
    return "".join(parts)


def _last(values: Values) -> int | None:
    return next((value for value in reversed(values) if value is not None), None)
