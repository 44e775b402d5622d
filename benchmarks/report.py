"""The table: on the terminal, in README.md, and as results.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import ORIGINAL_F1, Figure, Floors
from benchmarks.plot import svg

FOLDER = Path(__file__).parent
HEAD = """# What Heidi does in a second

Written by `make bench` (`python -m benchmarks [--quick] [rows...]`); do not edit. The platform is started by `flask up`
in a folder of its own with production's settings, and driven with wrk (one thread, 32 connections) on the same machine,
straight at the service unless the row says nginx. Absolute figures shift from machine to machine; ratios hold.

The floors are of the same run, on the same gunicorn settings (two processes with four threads): F1 is a bare Flask
route, F2 a bare route with one raw psycopg2 select by primary key. The figures of the NestJS original were measured
where F1 gave {original:,.0f}/s; "x the original" compares with those figures scaled by F1.
"""
SETTINGS = """
Settings that differ from `make run`: `HEIDI_ENV=production`, `WEB_CONCURRENCY=2` for every service, and the overall
throttles (`THROTTLE_ADDRESS_PER_MINUTE`, `THROTTLE_USER_PER_MINUTE`) out of reach, since wrk is one address; they still
count. The rows on start and memory are of `make run` as it is. Everything shares the cores: PostgreSQL, Valkey, the
services, the worker, the mail sink and wrk itself.
"""


def shown(figures: list[Figure], floors: Floors) -> str:
    """The table as Markdown."""
    lines = ["| work | measured | of F1 | x the original | to reach | reached | |", "|---|--:|--:|--:|---|---|---|"]
    lines += [_line(figure, floors) for figure in figures]
    return "\n".join(lines)


def floors_line(floors: Floors) -> str:
    before_after = [" and ".join(f"{value:,.0f}" for value in values) for values in (floors.f1, floors.f2)]
    return f"F1 {floors.of('F1'):,.0f}/s ({before_after[0]}), F2 {floors.of('F2'):,.0f}/s ({before_after[1]})"


def write(figures: list[Figure], floors: Floors, load: tuple[float, float]) -> None:
    """README.md, results.json and the picture."""
    about = machine.about() | {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    busy = f"load average of the minute before {load[0]:.1f}, of the last minute {load[1]:.1f}"
    facts = [f"- {name}: {value}" for name, value in about.items()]
    facts += [f"- busy with: {busy}", f"- floors (mean of before and after): {floors_line(floors)}"]
    head = HEAD.format(original=ORIGINAL_F1)
    picture = "![each row as a share of its target](results.svg)"
    text = "\n".join([head, *facts, "", shown(figures, floors), SETTINGS, picture, ""])
    (FOLDER / "README.md").write_text(text)
    rows = [asdict(figure) | {"share_of_target": figure.share(floors)} for figure in figures]
    document = {"about": about, "load_average": load, "floors": asdict(floors), "figures": rows}
    (FOLDER / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "results.svg").write_text(svg(figures, floors))


def _line(figure: Figure, floors: Floors) -> str:
    share = figure.share(floors)
    rate = figure.unit == "/s"
    cells = [
        figure.work,
        number(figure.value, figure.unit),
        f"{figure.value / floors.of('F1'):.0%}".replace("%", " %") if rate else "",
        f"{figure.value / (figure.original * floors.of('original')):,.1f}" if figure.original else "",
        "; ".join(_goal(goal.words, goal.value(floors), goal.base, figure.unit) for goal in figure.goals),
        "" if share is None else "yes" if share >= 1 else f"no ({share:.0%})".replace("%", " %"),
        figure.note,
    ]
    return f"| {' | '.join(cells)} |"


def _goal(words: str, value: float, base: str, unit: str) -> str:
    return f"{words} ({number(value, unit)})" if base or "cores" in words else words


def number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
    return f"{text}{'' if unit == '/s' else ' '}{unit}"
