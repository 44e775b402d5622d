"""Reads of cities beside a service that was written by hand with Flask and psycopg2 (`baseline_app`).

Both run with the same gunicorn configuration, one immediately after the other.
"""

from __future__ import annotations

import requests

from benchmarks.bench import Bench
from benchmarks.measurements import HEIDI, Figure, skipped, times_peer
from benchmarks.scenarios.cities import CACHED, anywhere
from benchmarks.wrk import Load

PEER = "Flask and psycopg2"
BY_ID, NEAREST = "city by id, per second", "nearest 20 cities, per second"
PREFIX = "/api/v1"
"""The routes of `baseline_app` are those of the city service without this prefix."""


def reads(bench: Bench) -> list[Figure]:
    """Measure the routes of the hand-written service, then the same ones of the city service."""
    bench.ensure_production()
    cities = [f"GET\t{PREFIX}/cities/{city_id}" for city_id in bench.city_ids]
    nearest = anywhere()
    with bench.baseline() as base:
        by_id = _peer(bench, base, "city by id", cities, BY_ID)
        nearby = _peer(bench, base, "nearest 20", nearest, NEAREST)
    city = bench.platform.service("city")
    return [
        _heidi("city by id, from PostgreSQL", bench.load(city, cities), 0.7, by_id),
        _heidi("city by id, from cache", bench.load(city, cities[:CACHED]), 1.0, by_id),
        by_id,
        _heidi("nearest 20", bench.load(city, nearest), 0.8, nearby),
        nearby,
    ]


def _heidi(work: str, load: Load, times: float, rival: Figure) -> Figure:
    goals, way = times_peer(times, rival), work.rpartition(", ")[2]
    note = f"{load.rate / rival.value:.2f} x" if rival.value else ""
    contender = f"{HEIDI}, {way}" if "," in work else HEIDI
    note = ", ".join(filter(None, (note, load.remark)))
    return Figure(work, load.rate, "/s", goals, note=note, contest=rival.contest, contender=contender)


def _peer(bench: Bench, base: str, work: str, lines: list[str], contest: str) -> Figure:
    """Measure a route of the hand-written service, if it has this route."""
    own = [line.replace(PREFIX, "", 1) for line in lines]
    if requests.get(base + own[0].partition("\t")[2], timeout=30).status_code != 200:
        return skipped(f"{PEER}: {work}", "baseline_app has no such route")
    load = bench.load(base, own)
    return Figure(f"{PEER}: {work}", load.rate, "/s", note=load.remark, contest=contest, contender=PEER)
