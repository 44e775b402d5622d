"""Measure each query at a size and at one hundredth of it.

    python -m benchmarks.growth [--scale 0.01|0.1|1] [--folder FOLDER] [--only TEXT] [--retention]

Runs its own PostgreSQL. Scale 1 is 1 million users, 20 million notifications, 5 million outbox and inbox rows and
2 million runs; it needs 40 GB in the folder and about an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask

from benchmarks.growth import retention
from benchmarks.growth.databases import filled_databases
from benchmarks.growth.queries import queries
from benchmarks.growth.tables import sizes

ROUNDS = 15


def main() -> None:
    arguments = _arguments()
    with filled_databases((arguments.scale / 100, arguments.scale), arguments.folder) as (small, large):
        with large.app_context():
            for table, size in sizes().items():
                print(f"{size / 2**20:>10,.0f} MB  {table}")
        print(f"{'1 %':>10}{'100 %':>10}{'ratio':>8}  query")
        if arguments.retention:
            retention.measure(large)
            return
        for name in _names(small, arguments.only):
            _report(name, *_milliseconds((small, large), name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--folder", type=Path, help="keep the databases in this folder")
    parser.add_argument("--retention", action="store_true", help="measure the deletion of old rows instead")
    parser.add_argument("--only", default="", help="only queries whose name contains this text")
    return parser.parse_args()


def _names(app: Flask, only: str) -> list[str]:
    with app.app_context():
        return [name for name in queries(app) if only in name]


def _report(name: str, small: float, large: float) -> None:
    ratio = large / small
    print(f"{small:>7.2f} ms{large:>7.2f} ms{ratio:>8.1f}  {name}{'   GROWS' if ratio > 2 else ''}", flush=True)


def _milliseconds(apps: Sequence[Flask], name: str) -> list[float]:
    """Return the shortest time of a query in each database: other work on the machine only lengthens times."""
    calls = [_in_context(app, name) for app in apps]
    rounds = [[call() for call in calls] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def _in_context(app: Flask, name: str) -> Callable[[], float]:
    with app.app_context():
        query = queries(app)[name]

    def timed() -> float:
        with app.app_context():
            started_at = time.perf_counter()
            query()
            return (time.perf_counter() - started_at) * 1000

    return timed


if __name__ == "__main__":
    main()
