"""Reading cities: from PostgreSQL, from the cache, through nginx; the nearest ones."""

from __future__ import annotations

import random
from collections.abc import Iterable

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, at_least, at_most, share_of, times_original
from benchmarks.wrk import Load

BY_ID, NEARBY, NEARBY_LARGE = 1184, 3.8, 0.6
"""The original's requests a second."""
POINTS = 20_000
KNOWN = 200


def from_database(bench: Bench) -> list[Figure]:
    """Each id is asked for once, so that none is in the cache: two questions to Redis and one to PostgreSQL."""
    bench.produce()
    load = bench.load(bench.stage.service("city"), map(_get, bench.city_ids))
    goals = [times_original(1.5, BY_ID), share_of("F2", 0.7)]
    note = "each id once: a miss in Redis, the select, the answer stored in Redis"
    return [_rate("city by id, service, from PostgreSQL", load, goals, BY_ID, note)]


def from_cache(bench: Bench) -> list[Figure]:
    bench.produce()
    load = bench.load(bench.stage.service("city"), map(_get, bench.city_ids[:KNOWN]))
    goals = [times_original(2.5, BY_ID), share_of("F1", 0.4)]
    return [_rate("city by id, service, from its cache", load, goals, BY_ID, f"{KNOWN} ids over and over")]


def hot(bench: Bench) -> list[Figure]:
    bench.produce()
    load = bench.load(bench.stage.router, [_get(bench.city_ids[0])])
    return [_rate("city by id, hot, through nginx", load, [at_least(10_000, "/s")], BY_ID, "")]


def nearby(bench: Bench) -> list[Figure]:
    """Points are spread over the earth, or lie beside a city; no point comes twice."""
    bench.produce()
    cities = bench.stage.one("SELECT count(*) FROM cities")
    return [figure for name, load in _loads(bench) for figure in _near_figures(name, load, cities, NEARBY)]


def nearby_large(bench: Bench) -> list[Figure]:
    """The same with the largest set of cities; the rates beside those of the small set."""
    bench.produce()
    small = {name: load.rate for name, load in _loads(bench)}
    bench.stage.flask("cities", "import", "--min-population", "500")
    cities = bench.stage.one("SELECT count(*) FROM cities")
    figures = []
    for name, load in _loads(bench):
        figures += _near_figures(name, load, cities, NEARBY_LARGE)
        times = small[name] / load.rate if load.rate else 0.0
        goal = Goal("less than 2 x the time", 2, lower=True)
        figures.append(Figure(f"{name}: time of one among {cities:,} cities", times, "x of 34 thousand", [goal]))
    return figures


def _loads(bench: Bench) -> Iterable[tuple[str, Load]]:
    city = bench.stage.service("city")
    yield "nearest 20", bench.load(city, _anywhere())
    yield "within 50 km", bench.load(city, _beside(bench))


def _near_figures(name: str, load: Load, cities: int, original: float) -> list[Figure]:
    goals = [times_original(250, original)] if original == NEARBY else []
    among = f"{name}, service, {cities:,} cities"
    patience = Figure(
        f"{among}: p99 at 32 connections", load.p99, "ms", [at_most(60, "ms")], note=f"p50 {load.p50:.0f} ms"
    )
    return [_rate(among, load, goals, original, ""), patience]


def _anywhere() -> list[str]:
    chance = random.Random(1)
    return [_near(chance.uniform(-60, 75), chance.uniform(-180, 180), "radiusKm=20038&limit=20") for _ in range(POINTS)]


def _beside(bench: Bench) -> list[str]:
    chance = random.Random(2)
    places = bench.stage.query(
        "SELECT latitude, longitude FROM cities WHERE abs(latitude) < 80 ORDER BY md5(id::text) LIMIT %s", POINTS
    )
    return [
        _near(
            latitude + chance.uniform(-0.2, 0.2),
            max(-179, min(179, longitude + chance.uniform(-0.2, 0.2))),
            "radiusKm=50",
        )
        for latitude, longitude in places
    ]


def _near(latitude: float, longitude: float, rest: str) -> str:
    return f"GET\t/api/v1/cities/nearby?latitude={latitude:.4f}&longitude={longitude:.4f}&{rest}"


def _get(city_id: str) -> str:
    return f"GET\t/api/v1/cities/{city_id}"


def _rate(work: str, load: Load, goals: list[Goal], original: float, note: str) -> Figure:
    return Figure(work, load.rate, "/s", goals, original, "; ".join(filter(None, (note, load.trouble))))
