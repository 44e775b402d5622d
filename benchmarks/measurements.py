"""Measured figures, and the goals and floors with which they are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

ORIGINAL_F1 = 8200.0
"""Requests per second of a bare Flask route on the machine where the NestJS original was measured."""


@dataclass(frozen=True)
class Floors:
    """F1 and F2 in requests per second, measured immediately before and after a scenario."""

    f1: tuple[float, ...]
    f2: tuple[float, ...]

    def of(self, base: str) -> float:
        """Return the factor that scales a goal to this machine.

        Args:
            base: "F1", "F2", "original", or "" for an absolute goal.
        """
        f1 = sum(self.f1) / len(self.f1)
        return {"": 1.0, "F1": f1, "F2": sum(self.f2) / len(self.f2), "original": f1 / ORIGINAL_F1}[base]


@dataclass(frozen=True)
class Goal:
    """`factor` times `base`. With `lower`, smaller figures are better."""

    label: str
    factor: float
    base: str = ""
    lower: bool = False

    def value(self, floors: Floors) -> float:
        return self.factor * floors.of(self.base)

    def share(self, measured: float, floors: Floors) -> float:
        """Return the share of the goal that was reached; the goal is met from 1 on."""
        if not measured:
            return 0.0
        return self.value(floors) / measured if self.lower else measured / self.value(floors)


@dataclass(frozen=True)
class Figure:
    """A measured value; `original` is the corresponding value of the NestJS original, if there is one."""

    work: str
    value: float
    unit: str
    goals: list[Goal] = field(default_factory=list)
    original: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A row of the table: a figure with the floors that were measured around it."""

    figure: Figure
    floors: Floors

    @property
    def share(self) -> float | None:
        """Share of the goal that is furthest from being reached; None without a goal."""
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
