"""Measure each query at a size and at one hundredth of it.

    python -m benchmarks.growth [--scale 0.01|0.1|1] [--folder FOLDER] [--only TEXT]

Runs its own PostgreSQL. Scale 1 is 1 million users, 20 million notifications, 5 million outbox and inbox rows and
2 million runs; it needs 40 GB in the folder and about an hour.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

from flask import Flask

from benchmarks.growth.databases import filled_databases
from benchmarks.growth.queries import Call, queries
from benchmarks.growth.tables import sizes

ROUNDS = 15


def main() -> None:
    arguments = _arguments()
    with filled_databases((arguments.scale / 100, arguments.scale), arguments.folder) as (small, large):
        with large.app_context():
            for table, size in sizes().items():
                print(f"{size / 2**20:>10,.0f} MB  {table}")
        print(f"{'1 %':>10}{'100 %':>10}{'ratio':>8}  query")
        for name in _names(small, arguments.only):
            _report(name, *(_milliseconds(app, name) for app in (small, large)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--folder", type=Path, help="keep the databases in this folder")
    parser.add_argument("--only", default="", help="only queries whose name contains this text")
    return parser.parse_args()


def _names(app: Flask, only: str) -> list[str]:
    with app.app_context():
        return [name for name in queries(app) if only in name]


def _report(name: str, small: float, large: float) -> None:
    ratio = large / small
    print(f"{small:>7.2f} ms{large:>7.2f} ms{ratio:>8.1f}  {name}{'   GROWS' if ratio > 2 else ''}", flush=True)


def _milliseconds(app: Flask, name: str) -> float:
    """Return the median time of a query, after two calls that fill the caches."""
    with app.app_context():
        call = queries(app)[name]
        return median([_timed(call) for _ in range(ROUNDS + 2)][2:])


def _timed(call: Call) -> float:
    started_at = time.perf_counter()
    call()
    return (time.perf_counter() - started_at) * 1000


if __name__ == "__main__":
    main()
