"""Measured figures, and the goals and floors with which they are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

HEIDI = "Heidi"
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
    """`factor` times `base`. With `lower`, smaller figures are better.

    `is_relative`: the factor was derived from another figure of the run, so that the table shows its value.
    """

    label: str
    factor: float
    base: str = ""
    lower: bool = False
    is_relative: bool = False

    def value(self, floors: Floors) -> float:
        return self.factor * floors.of(self.base)

    def share(self, measured: float, floors: Floors) -> float:
        """Return the share of the goal that was reached; the goal is met from 1 on."""
        if not measured:
            return 0.0
        return self.value(floors) / measured if self.lower else measured / self.value(floors)


@dataclass(frozen=True)
class CpuPerJob:
    """CPU time of one job in milliseconds.

    Attributes:
        roles: Milliseconds by role of the processes (see `process_times`), without the load generator.
        generator: Milliseconds of the load generator, on the same cores.
        allowed: What the target rate of two cores leaves for a job, or None.
    """

    roles: dict[str, float]
    generator: float
    allowed: float | None = None

    @property
    def total(self) -> float:
        return sum(self.roles.values())


@dataclass(frozen=True)
class Figure:
    """A measured value; a figure without a unit was not measured, for the reason in its note.

    Attributes:
        original: The corresponding value of the NestJS original, if there is one.
        cpu: CPU time of one job of this work, if it was measured.
        contest: The comparison to which the figure belongs, if any; its figures have the same unit.
        contender: Who did the work in this comparison: `HEIDI`, or the name of a peer.
    """

    work: str
    value: float
    unit: str
    goals: list[Goal] = field(default_factory=list)
    original: float | None = None
    note: str = ""
    cpu: CpuPerJob | None = None
    contest: str = ""
    contender: str = ""

    @property
    def was_measured(self) -> bool:
        return bool(self.unit)


@dataclass(frozen=True)
class Line:
    """A row of the table: a figure with the floors that were measured around it, and the section it belongs to."""

    figure: Figure
    floors: Floors
    group: str = ""

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


def times_peer(times: float, peer: Figure, *, lower: bool = False) -> list[Goal]:
    """A goal relative to a peer's figure of the same run; none if the peer was not measured.

    Args:
        times: Factor.
        peer: The peer's figure.
        lower: Whether smaller figures are better.
    """
    if not peer.was_measured or not peer.value:
        return []
    at = "at most " if lower else ""
    return [Goal(f"{at}{times:g} x {peer.contender}", times * peer.value, lower=lower, is_relative=True)]


def skipped(work: str, reason: str) -> Figure:
    """A row for work that was not measured."""
    return Figure(work, 0.0, "", note=reason)
