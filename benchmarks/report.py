"""The table: on the terminal, in README.md, and as results.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import host_info
from benchmarks.measurements import ORIGINAL_F1, Goal, Line
from benchmarks.plot import svg

FOLDER = Path(__file__).parent
HEAD = """# What Heidi does in a second

Written by `make bench` (`python -m benchmarks [--quick] [rows...]`); do not edit. The platform is started by `flask up`
in a folder of its own with production's settings, and driven with wrk (one thread, 32 connections) on the same machine,
straight at the service unless the row says nginx. Absolute figures shift from machine to machine; ratios hold.

The floors are measured right before and right after each row, on the same gunicorn settings (two processes with two
threads): F1 is a bare Flask route, F2 a bare route with one raw psycopg2 select by primary key. The figures of the
NestJS original were measured where F1 gave {original:,.0f}/s; "x the original" compares with those figures scaled by
the F1 beside the row. Where the time goes, and why a row misses its goal: [profile.md](profile.md).
"""
SETTINGS = """
Settings that differ from `make run`: `HEIDI_ENV=production`, `WEB_CONCURRENCY=2` for every service, and the overall
throttles (`THROTTLE_ADDRESS_PER_MINUTE`, `THROTTLE_USER_PER_MINUTE`) out of reach, since wrk is one address; they still
count. The rows on start and memory are of `make run` as it is. Everything shares the cores: PostgreSQL, Valkey, the
services, the worker, the mail sink and wrk itself.
"""


def shown(lines: list[Line]) -> str:
    """The table as Markdown."""
    head = "| work | measured | F1 beside it | of F1 | x the original | to reach | reached | |"
    return "\n".join([head, "|---|--:|--:|--:|--:|---|---|---|", *map(_row, lines)])


def floors_line(lines: list[Line]) -> str:
    """What the floors were, over the whole run."""
    said = []
    for name in ("F1", "F2"):
        found = [line.floors.of(name) for line in lines]
        said.append(f"{name} {sum(found) / len(found):,.0f}/s ({min(found):,.0f} to {max(found):,.0f})")
    return ", ".join(said)


def write(lines: list[Line], load: tuple[float, float]) -> None:
    """README.md, results.json and the picture."""
    about = host_info.about() | {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    facts = [f"- {name}: {value}" for name, value in about.items()]
    facts.append(f"- load average of the minute before {load[0]:.1f}, of the last minute {load[1]:.1f}")
    facts.append(f"- floors over the run: {floors_line(lines)}")
    head = HEAD.format(original=ORIGINAL_F1)
    picture = "![each row as a share of its target](results.svg)"
    (FOLDER / "README.md").write_text("\n".join([head, *facts, "", shown(lines), SETTINGS, picture, ""]))
    rows = [asdict(line) | {"share_of_target": line.share} for line in lines]
    document = {"about": about, "load_average": load, "lines": rows}
    (FOLDER / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "results.svg").write_text(svg(lines))


def _row(line: Line) -> str:
    figure, share = line.figure, line.share
    rate = figure.unit == "/s"
    cells = [
        figure.work,
        number(figure.value, figure.unit),
        f"{line.floors.of('F1'):,.0f}" if rate else "",
        f"{line.of_f1:.0%}".replace("%", " %") if rate else "",
        f"{line.of_original:,.1f}" if line.of_original else "",
        "; ".join(_goal(goal, line) for goal in figure.goals),
        "" if share is None else "yes" if share >= 1 else f"no ({share:.0%})".replace("%", " %"),
        figure.note,
    ]
    return f"| {' | '.join(cells)} |"


def _goal(goal: Goal, line: Line) -> str:
    value = number(goal.value(line.floors), line.figure.unit)
    return f"{goal.words} ({value})" if goal.base or "cores" in goal.words else goal.words


def number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
    return f"{text}{'' if unit == '/s' else ' '}{unit}"
