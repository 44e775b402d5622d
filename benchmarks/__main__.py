"""`python -m benchmarks [--quick] [rows...]`: measure, and show; a full run in earnest also writes the README."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from benchmarks import host_info, report, wrk
from benchmarks.bench import Bench
from benchmarks.measurements import Floors, Line
from benchmarks.platform_under_test import PRODUCTION, Stage
from benchmarks.scenarios import ROWS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="two seconds a row and fewer mails: to try it out")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    wrk.require()
    run(arguments.rows or list(ROWS), quick=arguments.quick, whole=not arguments.rows)


def run(names: list[str], *, quick: bool, whole: bool) -> None:
    """Measure these rows on one platform, between looks at the floors."""
    before, started = host_info.load(), time.monotonic()
    stage = Stage()
    try:
        say("Starting the platform")
        stage.start({} if {"start", "memory"} & set(names) else PRODUCTION)
        bench = Bench(stage, quick)
        lines = list(measured(names, bench))
    finally:
        stage.leave()
    print(f"\n{report.floors_line(lines)}\n\n{report.shown(lines)}\n")
    say(f"{time.monotonic() - started:.0f} s")
    if whole and not quick:
        report.write(lines, (before, host_info.load()))


def measured(names: list[str], bench: Bench) -> Iterator[Line]:
    """Row after row, each between two looks at the floors."""
    before = bench.floors()
    for name in (name for name in ROWS if name in names):
        say(name)
        figures = ROWS[name](bench)
        after = bench.floors()
        floors = Floors((before[0], after[0]), (before[1], after[1]))
        for figure in figures:
            say(f"  {figure.work}: {report.number(figure.value, figure.unit)}  {figure.note}")
            yield Line(figure, floors)
        before = after


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
