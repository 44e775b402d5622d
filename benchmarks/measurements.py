"""What was measured, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

ORIGINAL_F1 = 8200.0
"""Requests a second of a bare Flask route where the figures of the NestJS original were measured."""


@dataclass(frozen=True)
class Floors:
    """F1 and F2 in requests a second, measured right before and right after a row."""

    f1: tuple[float, ...]
    f2: tuple[float, ...]

    def of(self, base: str) -> float:
        """What one unit of a goal is worth on this machine."""
        f1 = sum(self.f1) / len(self.f1)
        return {"": 1.0, "F1": f1, "F2": sum(self.f2) / len(self.f2), "original": f1 / ORIGINAL_F1}[base]


@dataclass(frozen=True)
class Goal:
    """`factor` times `base`; a lower figure is better where `lower`."""

    words: str
    factor: float
    base: str = ""
    lower: bool = False

    def value(self, floors: Floors) -> float:
        return self.factor * floors.of(self.base)

    def share(self, measured: float, floors: Floors) -> float:
        """1 and more: reached."""
        if not measured:
            return 0.0
        return self.value(floors) / measured if self.lower else measured / self.value(floors)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `original` is the NestJS figure where there is one."""

    work: str
    value: float
    unit: str
    goals: list[Goal] = field(default_factory=list)
    original: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A figure beside the floors that were measured with it."""

    figure: Figure
    floors: Floors

    @property
    def share(self) -> float | None:
        """Of the goal that is furthest away; None where there is none."""
        return min((goal.share(self.figure.value, self.floors) for goal in self.figure.goals), default=None)

    @property
    def of_f1(self) -> float:
        return self.figure.value / self.floors.of("F1")

    @property
    def of_original(self) -> float | None:
        return self.figure.value / (self.figure.original * self.floors.of("original")) if self.figure.original else None


def times_original(times: float, original: float) -> Goal:
    return Goal(f"{times:g} x the original", times * original, "original")


def share_of(floor: str, share: float) -> Goal:
    return Goal(f"{share:.0%} of {floor}".replace("%", " %"), share, floor)


def at_least(value: float, unit: str) -> Goal:
    return Goal(f"{value:,.0f} {unit}".replace(" /s", "/s"), value)


def at_most(value: float, unit: str) -> Goal:
    return Goal(f"at most {value:,.0f} {unit}", value, lower=True)
