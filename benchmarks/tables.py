"""The tables of the report: the rows of each section, and the CPU time of each kind of job."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measurements import HEIDI, CpuPerJob, Goal, Line
from benchmarks.process_times import ROLES

Column = tuple[str, str, list[str]]
"""Heading, alignment (`---` or `--:`) and cells."""


def section_table(lines: Sequence[Line], all_lines: Sequence[Line]) -> str:
    """Format rows as Markdown; columns in which no row has a value are left out.

    Args:
        lines: The rows.
        all_lines: All rows of the run, among them those that peers are compared with.
    """
    has_floor = any(line.figure.original or any(goal.base for goal in line.figure.goals) for line in lines)
    rates = [line if has_floor and line.figure.unit == "/s" else None for line in lines]
    columns: list[Column] = [
        ("work", "---", [line.figure.work for line in lines]),
        ("measured", "--:", [number(line.figure.value, line.figure.unit) for line in lines]),
        ("F1", "--:", [f"{line.floors.of('F1'):,.0f}" if line else "" for line in rates]),
        ("of F1", "--:", [percent(line.of_f1) if line else "" for line in rates]),
        ("x the original", "--:", [f"{line.of_original:,.1f}" if line.of_original else "" for line in lines]),
        ("Heidi is", "---", [_against(line, all_lines) for line in lines]),
        ("goal", "---", ["; ".join(_goal(goal, line) for goal in line.figure.goals) for line in lines]),
        ("reached", "---", [_reached(line) for line in lines]),
        ("notes", "---", [line.figure.note for line in lines]),
    ]
    return markdown(columns)


def cpu_table(lines: Sequence[Line]) -> str:
    """Format the milliseconds of CPU time per job by role."""
    measured = [(line.figure, line.figure.cpu) for line in lines if line.figure.cpu]
    times = [cpu for _, cpu in measured]
    columns: list[Column] = [("work", "---", [figure.work for figure, _ in measured])]
    columns += [(role, "--:", [_milliseconds(cpu.roles.get(role, 0.0)) for cpu in times]) for role in ROLES]
    columns += [
        ("all", "--:", [f"{cpu.total:,.2f}" for cpu in times]),
        ("allowed", "--:", [f"{cpu.allowed:,.1f}" if cpu.allowed else "" for cpu in times]),
        ("reached", "---", [_within(cpu) for cpu in times]),
        ("load generator", "--:", [_milliseconds(cpu.generator) for cpu in times]),
    ]
    return markdown(columns) if measured else ""


def markdown(columns: Sequence[Column]) -> str:
    """Format columns as a Markdown table, without those whose cells are all empty."""
    used = [column for column in columns if any(column[2])]
    rows = [[heading for heading, _, _ in used], *zip(*(cells for _, _, cells in used), strict=True)]
    rule = f"|{'|'.join(alignment for _, alignment, _ in used)}|"
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, rule, *body])


def number(value: float, unit: str) -> str:
    if not unit:
        return "not measured"
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
    return f"{text}{'' if unit == '/s' else ' '}{unit}"


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def rival_ratio(line: Line, all_lines: Sequence[Line]) -> float | None:
    """Return how many times as fast as this peer Heidi is in the same comparison, in its first row there."""
    figure = line.figure
    if not figure.contest or figure.contender.startswith(HEIDI) or not figure.value:
        return None
    own = [other.figure for other in all_lines if other.figure.contest == figure.contest]
    best = next((other for other in own if other.contender.startswith(HEIDI) and other.value), None)
    if best is None:
        return None
    return figure.value / best.value if figure.unit == "s" else best.value / figure.value


def _against(line: Line, all_lines: Sequence[Line]) -> str:
    ratio = rival_ratio(line, all_lines)
    return "" if ratio is None else f"{ratio:.2f} x as fast"


def _goal(goal: Goal, line: Line) -> str:
    value = number(goal.value(line.floors), line.figure.unit)
    return f"{goal.label} ({value})" if goal.base or goal.is_relative else goal.label


def _reached(line: Line) -> str:
    share = line.share
    return "" if share is None else "yes" if share >= 1 else f"no ({percent(share)})"


def _within(cpu: CpuPerJob) -> str:
    if cpu.allowed is None:
        return ""
    return "yes" if cpu.total <= cpu.allowed else f"no ({percent(cpu.allowed / cpu.total)})"


def _milliseconds(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.005 else ""
