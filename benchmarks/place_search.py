"""Searches like "Paris, Texas" at full size: how many of a list of queries return the right city first.

    python -m benchmarks.place_search            all queries of place_queries.tsv, and the wrong ones
    python -m benchmarks.place_search --times    also how long a search takes

Runs its own PostgreSQL and Valkey in a temporary folder. The exit code is 1 if fewer than 95 % are right.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.city_oracle import platform
from heidi_services.city import place_query
from heidi_services.city.import_sources import geonames
from heidi_services.city.service import importer, search

QUERIES = Path(__file__).with_name("place_queries.tsv")
MIN_POPULATION = 5000
FIRST, FIRST_FIVE = 0.95, 0.99


class Expected(NamedTuple):
    """A query, and the city that must come first; `state` is empty if the country has one city of this name."""

    query: str
    name: str
    country: str
    state: str


def read_queries() -> list[Expected]:
    lines = QUERIES.read_text(encoding="utf-8").splitlines()
    return [Expected(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def rank(expected: Expected) -> int | None:
    """Return the position of the expected city among the first five, from 0."""
    rows = search.search(place_query.parse(expected.query), limit=5).rows
    return next((number for number, row in enumerate(rows) if _matches(row, expected)), None)


def _matches(row: Any, expected: Expected) -> bool:
    return (row.name, row.country) == (expected.name, expected.country) and expected.state in ("", row.state)


class Accuracy(NamedTuple):
    """The shares (0 to 1) of the queries whose city comes first, and among the first five."""

    queries: int
    first: float
    first_five: float


def evaluate(*, times: bool = False) -> Accuracy:
    """Search for all queries in a database of their own, and print the wrong ones.

    Args:
        times: Whether to print also how long a search takes.
    """
    queries = read_queries()
    with platform():
        importer.import_cities(geonames.read_shipped(MIN_POPULATION).lines)
        ranks = [rank(expected) for expected in queries]
        if times:
            _measure(queries)
    for expected, position in zip(queries, ranks, strict=True):
        if position != 0:
            print(f"{expected.query}: {'not in the first five' if position is None else position + 1}")
    first = sum(position == 0 for position in ranks) / len(queries)
    return Accuracy(len(queries), first, sum(position is not None for position in ranks) / len(queries))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", action="store_true")
    accuracy = evaluate(times=parser.parse_args().times)
    print(f"{accuracy.queries} queries: {accuracy.first:.1%} right first, {accuracy.first_five:.1%} in the first five")
    return 0 if accuracy.first >= FIRST and accuracy.first_five >= FIRST_FIVE else 1


def _measure(queries: list[Expected]) -> None:
    times = []
    for expected in queries:
        started = time.perf_counter()
        search.search(place_query.parse(expected.query), limit=20)
        times.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(times, n=100)
    print(f"one search: p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
