"""Searches for the nearest cities at full size: compared with an exhaustive search, and timed.

    python -m benchmarks.city_oracle                     34 thousand cities, 1,000 random points and edge cases
    python -m benchmarks.city_oracle --size 500          imports 235 thousand cities and prints how long it took
    python -m benchmarks.city_oracle --synthetic 1000000 adds random places and times searches among them

Runs its own PostgreSQL and Valkey in a temporary folder. The exit code is 1 if a result is wrong or a search too slow.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
from sqlalchemy import text

from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.transactions import reading
from heidi_services import SERVICES
from heidi_services.city import serializers
from heidi_services.city.import_sources import geonames
from heidi_services.city.service import importer, nearby
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.city.oracle import Known, check, sort_by_distance
from tests.conftest import ROOT, make_settings

EVERYWHERE_KM = 20038.0
CORNERS = [(90, 0), (-90, 0), (90, 180), (0, 0), (0, 180), (0, -180), (-17, 179.9999), (-17, -179.9999), (65, 180)]
MAX_P95_MS = 5.0
SYNTHETIC = """INSERT INTO cities (id, name, country, latitude, longitude, population)
    SELECT gen_random_uuid(), 'Place ' || n, 'DE', degrees(asin(2 * random() - 1)), random() * 360 - 180,
           (10 ^ (random() * 7))::int FROM generate_series(1, :count) n"""


@contextmanager
def platform() -> Iterator[None]:
    """Run the city service on a migrated database, in an app context."""
    with tempfile.TemporaryDirectory() as folder:
        database = Postgres(Path(folder) / "pg", durable=False)
        redis = Valkey(Path(folder) / "valkey", durable=False)
        database.start()
        redis.start()
        try:
            app = build_app(make_settings(database.url, redis.url()), SERVICES["city"])
            init_migrations(app)
            with app.app_context():
                flask_migrate.upgrade(str(ROOT / "migrations"))
                yield
        finally:
            redis.stop()
            database.stop()


def random_point(dice: random.Random) -> tuple[float, float]:
    """Return a latitude and a longitude in degrees."""
    return dice.uniform(-90, 90), dice.uniform(-180, 180)


def compare(points: int, dice: random.Random) -> int:
    """Search around each point with a random radius and limit; returns how many results differ from the oracle's."""
    rows = CompiledStatement(
        text("SELECT id, latitude, longitude, country, coalesce(population, 0) AS p FROM cities")
    ).all()
    cities = [Known(str(c.id), c.latitude, c.longitude, c.country, c.p) for c in rows]
    centers = [random_point(dice) for _ in range(points)] + [(float(a), float(b)) for a, b in CORNERS]
    centers += [(c.latitude, c.longitude) for c in dice.sample(cities, min(200, points))]
    wrong = 0
    for number, (latitude, longitude) in enumerate(centers, 1):
        radius, limit = dice.choice([10, 50, 500, 5000, EVERYWHERE_KM]), dice.randint(1, 100)
        result = nearby.nearest(latitude, longitude, radius_km=radius, limit=limit)
        cities_found = serializers.serialize_cities(result.rows, (latitude, longitude))
        try:
            check(cities_found, sort_by_distance(cities, latitude, longitude), radius, limit)
        except AssertionError as error:
            wrong += 1
            print(f"({latitude!r}, {longitude!r}) within {radius} km, {limit}: {error}")
        if number % 100 == 0:
            print(f"{number:,} of {len(centers):,} points compared, {wrong} wrong", flush=True)
    print(f"{len(centers):,} points compared with every one of {len(cities):,} cities: {wrong} wrong")
    return wrong


def measure(points: int, dice: random.Random) -> float:
    """Time searches for the nearest 20 cities.

    The best of three attempts counts for each point, so that other load on the machine has less influence.

    Returns:
        The 95th percentile in milliseconds, including the round trip to PostgreSQL.
    """
    times = [min(_milliseconds(*point) for _ in range(3)) for point in [random_point(dice) for _ in range(points)]]
    cuts = statistics.quantiles(times, n=100)
    print(f"nearest 20: p50 {cuts[49]:.2f} ms, p95 {cuts[94]:.2f} ms, p99 {cuts[98]:.2f} ms over {points:,} points")
    return cuts[94]


def _milliseconds(latitude: float, longitude: float) -> float:
    started = time.perf_counter()
    nearby.nearest(latitude, longitude, radius_km=EVERYWHERE_KM, limit=20)
    return (time.perf_counter() - started) * 1000


def add_synthetic(count: int) -> None:
    with reading() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text(SYNTHETIC), {"count": count})
        connection.execute(text("VACUUM (ANALYZE) cities"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--size", type=int, choices=geonames.MIN_POPULATIONS, default=15000, help="the data set to import"
    )
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--synthetic", type=int, default=0, help="number of random places to add; only timed")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with platform():
        started = time.perf_counter()
        report = importer.import_cities(geonames.read_shipped(arguments.size).lines)
        print(f"{report.added:,} cities imported in {time.perf_counter() - started:.1f} s", flush=True)
        wrong = compare(arguments.points, dice) if arguments.points else 0
        measure(2000, dice)
        slow = False
        if arguments.synthetic:
            add_synthetic(arguments.synthetic)
            print(f"with {arguments.synthetic:,} additional random places:")
            slow = measure(2000, dice) > MAX_P95_MS
    return 1 if wrong or slow else 0


if __name__ == "__main__":
    sys.exit(main())
