"""Reads of cities from PostgreSQL, from the cache and through nginx, and searches for the nearest cities."""

from __future__ import annotations

import random
from collections.abc import Iterable

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, at_least, at_most, share_of, times_original
from benchmarks.wrk import Load

BY_ID, NEARBY, NEARBY_LARGE = 1184, 3.8, 0.6
"""Requests per second of the NestJS original."""
POINTS = 20_000
CACHED = 200


def from_database(bench: Bench) -> list[Figure]:
    """Read each city once, so that none is in the cache: two commands to Redis and one statement."""
    bench.ensure_production()
    load = bench.load(bench.platform.service("city"), map(_get, bench.city_ids))
    goals = [times_original(1.5, BY_ID), share_of("F2", 0.7)]
    note = "each ID once: a cache miss, the select, the response stored in Redis"
    return [_rate("city by id, service, from PostgreSQL", load, goals, BY_ID, note)]


def from_cache(bench: Bench) -> list[Figure]:
    bench.ensure_production()
    load = bench.load(bench.platform.service("city"), map(_get, bench.city_ids[:CACHED]))
    goals = [times_original(2.5, BY_ID), share_of("F1", 0.4)]
    return [_rate("city by id, service, from its cache", load, goals, BY_ID, f"{CACHED} IDs, repeatedly")]


def hot(bench: Bench) -> list[Figure]:
    bench.ensure_production()
    load = bench.load(bench.platform.router, [_get(bench.city_ids[0])])
    return [_rate("city by id, hot, through nginx", load, [at_least(10_000, "/s")], BY_ID, "")]


def nearby(bench: Bench) -> list[Figure]:
    """Search around points all over the earth, and around points close to cities; no point is repeated."""
    bench.ensure_production()
    cities = bench.platform.scalar("SELECT count(*) FROM cities")
    return [figure for name, load in _loads(bench) for figure in _near_figures(name, load, cities, NEARBY)]


def nearby_large(bench: Bench) -> list[Figure]:
    """The same with the largest data set, and its times compared with those of the small one."""
    bench.ensure_production()
    small = {name: load.rate for name, load in _loads(bench)}
    bench.platform.flask("cities", "import", "--min-population", "500")
    cities = bench.platform.scalar("SELECT count(*) FROM cities")
    figures = []
    for name, load in _loads(bench):
        figures += _near_figures(name, load, cities, NEARBY_LARGE)
        times = small[name] / load.rate if load.rate else 0.0
        goal = Goal("less than 2 x the time", 2, lower=True)
        figures.append(Figure(f"{name}: time of one search among {cities:,} cities", times, "x of 34 thousand", [goal]))
    return figures


def _loads(bench: Bench) -> Iterable[tuple[str, Load]]:
    city = bench.platform.service("city")
    yield "nearest 20", bench.load(city, anywhere())
    yield "within 50 km", bench.load(city, _beside(bench))


def _near_figures(name: str, load: Load, cities: int, original: float) -> list[Figure]:
    goals = [times_original(250, original)] if original == NEARBY else []
    among = f"{name}, service, {cities:,} cities"
    latency = Figure(
        f"{among}: p99 at 32 connections", load.p99, "ms", [at_most(60, "ms")], note=f"p50 {load.p50:.0f} ms"
    )
    return [_rate(among, load, goals, original, ""), latency]


def anywhere() -> list[str]:
    generator = random.Random(1)
    return [
        _near(generator.uniform(-60, 75), generator.uniform(-180, 180), "radiusKm=20038&limit=20")
        for _ in range(POINTS)
    ]


def _beside(bench: Bench) -> list[str]:
    generator = random.Random(2)
    places = bench.platform.query(
        "SELECT latitude, longitude FROM cities WHERE abs(latitude) < 80 ORDER BY md5(id::text) LIMIT %s", POINTS
    )
    return [
        _near(
            latitude + generator.uniform(-0.2, 0.2),
            max(-179, min(179, longitude + generator.uniform(-0.2, 0.2))),
            "radiusKm=50",
        )
        for latitude, longitude in places
    ]


def _near(latitude: float, longitude: float, rest: str) -> str:
    return f"GET\t/api/v1/cities/nearby?latitude={latitude:.4f}&longitude={longitude:.4f}&{rest}"


def _get(city_id: str) -> str:
    return f"GET\t/api/v1/cities/{city_id}"


def _rate(work: str, load: Load, goals: list[Goal], original: float, note: str) -> Figure:
    return Figure(work, load.rate, "/s", goals, original, "; ".join(filter(None, (note, load.remark))))
