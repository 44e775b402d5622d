"""`python -m benchmarks [--quick] [scenario...]`: measure and print; a full run also writes README.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from benchmarks import host_info, report, wrk
from benchmarks.bench import Bench
from benchmarks.measurements import Floors, Line
from benchmarks.platform_under_test import PRODUCTION, Platform
from benchmarks.scenarios import SCENARIOS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"{', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="two seconds per load and fewer e-mails, for trials")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(SCENARIOS):
        parser.error(f"unknown scenario: {', '.join(sorted(unknown))}")
    wrk.require()
    run(arguments.scenarios or list(SCENARIOS), quick=arguments.quick, is_complete=not arguments.scenarios)


def run(names: list[str], *, quick: bool, is_complete: bool) -> None:
    """Measure scenarios on one platform; a complete run that is not quick is written to the report."""
    load_before, started = host_info.load(), time.monotonic()
    platform = Platform()
    try:
        log("Starting the platform")
        platform.start({} if {"start", "memory"} & set(names) else PRODUCTION)
        bench = Bench(platform, quick)
        lines = list(measure(names, bench))
    finally:
        platform.close()
    print(f"\n{report.floors_line(lines)}\n\n{report.table(lines)}\n")
    log(f"{time.monotonic() - started:.0f} s")
    if is_complete and not quick:
        report.write(lines, (load_before, host_info.load()))


def measure(names: list[str], bench: Bench) -> Iterator[Line]:
    """Measure one scenario after the other, and the floors before and after each."""
    before = bench.floors()
    for name in (name for name in SCENARIOS if name in names):
        log(name)
        figures = SCENARIOS[name](bench)
        after = bench.floors()
        floors = Floors((before[0], after[0]), (before[1], after[1]))
        for figure in figures:
            log(f"  {figure.work}: {report.number(figure.value, figure.unit)}  {figure.note}")
            yield Line(figure, floors)
        before = after


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
