"""`python -m benchmarks [--quick] [--output FOLDER] [scenario...]`: measure and print; a full run writes README.md."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from benchmarks import host_info, report, wrk
from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Floors, Line, skipped
from benchmarks.platform_under_test import PRODUCTION, Platform
from benchmarks.scenarios import SCENARIOS, Scenario

MAX_SECONDS = 17 * 60
"""After this time no further scenario starts, so that a run with the installation of peers ends within 20 minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"{', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="two seconds per load and fewer e-mails, for trials")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write the report of this run to FOLDER")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(SCENARIOS):
        parser.error(f"unknown scenario: {', '.join(sorted(unknown))}")
    wrk.require()
    is_final = not arguments.scenarios and not arguments.quick
    folder = arguments.output or (report.FOLDER if is_final else None)
    run(arguments.scenarios or list(SCENARIOS), quick=arguments.quick, folder=folder)


def run(names: list[str], *, quick: bool, folder: Path | None) -> None:
    """Measure scenarios on one platform, and write the report to a folder if there is one."""
    load_before, started = host_info.load(), time.monotonic()
    platform = Platform()
    try:
        log("Starting the platform")
        platform.start({} if {"start", "memory"} & set(names) else PRODUCTION)
        bench = Bench(platform, quick)
        lines = list(measure(names, bench))
    finally:
        platform.close()
    print(f"\n{report.floors_line(lines)}\n\n{report.sections(lines)}\n")
    log(f"{time.monotonic() - started:.0f} s")
    if folder is not None:
        report.write(lines, (load_before, host_info.load()), folder)


def measure(names: list[str], bench: Bench) -> Iterator[Line]:
    """Measure one scenario after the other, and the floors before and after those that are compared with them."""
    end = time.monotonic() + MAX_SECONDS
    before, is_fresh = bench.floors(), True
    floors = Floors((before[0],), (before[1],))
    for name in (name for name in SCENARIOS if name in names):
        scenario = SCENARIOS[name]
        if time.monotonic() > end:
            yield Line(
                skipped(name, f"left out: the run had taken {MAX_SECONDS // 60} minutes"), floors, scenario.group
            )
            continue
        log(f"{name} ({time.monotonic() - end + MAX_SECONDS:.0f} s)")
        if scenario.uses_floors and not is_fresh:
            before = bench.floors()
        figures = _figures(name, scenario, bench)
        after = bench.floors() if scenario.uses_floors else before
        floors = Floors((before[0], after[0]), (before[1], after[1]))
        for figure in figures:
            log(f"  {figure.work}: {report.number(figure.value, figure.unit)}  {figure.note}")
            yield Line(figure, floors, scenario.group)
        before, is_fresh = after, scenario.uses_floors


def _figures(name: str, scenario: Scenario, bench: Bench) -> list[Figure]:
    """Measure a scenario. One that fails becomes a row with the reason, so that a long run keeps its other results."""
    started = time.monotonic()
    try:
        figures = scenario.measure(bench)
        log(f"  took {time.monotonic() - started:.0f} s")
        return figures
    except Exception as error:
        traceback.print_exc()
        return [skipped(name, f"failed: {error!r}"[:200])]


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
