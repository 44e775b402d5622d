"""In-app notifications: accepted by single and bulk POSTs and delivered, beside job queues that do as much."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import replace
from typing import Any

import requests

from benchmarks import peer_runs
from benchmarks.bench import Bench
from benchmarks.measurements import HEIDI, CpuPerJob, Figure, Goal, at_least, at_most, skipped
from benchmarks.platform_under_test import Platform
from benchmarks.process_times import CpuMeter
from benchmarks.scenarios.pending import wait_until_idle
from benchmarks.user_fixtures import ids
from benchmarks.wrk import drive

CONNECTIONS = 16
RECIPIENTS, PER_POST, BULK_MESSAGES, PEER_JOBS, SINGLE_MESSAGES = 1000, 1000, 10_000, 4000, 50
ALLOWED_SINGLE, ALLOWED_BULK = 3.3, 1.3
"""Milliseconds of CPU time per message that the goals leave on two cores."""
ACCEPTED, DELIVERED = "in-app notifications accepted per second", "in-app notifications delivered per second"
MESSAGE = {"channel": "IN_APP", "content": "The train leaves from platform 9. " * 4}
DONE = """
SELECT count(*), extract(epoch FROM max(sent_at))::float8 FROM notifications
WHERE created_at >= to_timestamp(%s) AND sent_at IS NOT NULL
"""
SIZE = """
SELECT sum(pg_total_relation_size(name::regclass))
FROM unnest(ARRAY['notifications', 'notification_attempts', 'outbox', 'inbox']) AS name
"""
SIZE_WORK = "PostgreSQL per in-app message"
PEERS = {
    "Dramatiq on Redis": "dramatiq_redis.py",
    "pg-boss": "pgboss.mjs",
    "graphile-worker": "graphile.mjs",
    "procrastinate": "procrastinate_queue.py",
}


def single(bench: Bench) -> list[Figure]:
    """POST single messages with 16 connections."""
    bench.ensure_production()
    platform, base = bench.platform, bench.platform.service("notification")
    bodies = [json.dumps({"userId": user_id} | MESSAGE) for user_id in ids(bench, RECIPIENTS)]
    lines, headers = [f"POST\t/api/v1/notifications\t{body}" for body in bodies], _headers(bench)
    drive(base, lines, 1, headers=headers, connections=CONNECTIONS)
    wait_until_idle(platform)
    meter, started_at = CpuMeter(platform), time.time()
    load = drive(base, lines, bench.seconds, headers=headers, connections=CONNECTIONS)
    number, seconds = wait_until_delivered(platform, started_at)
    cpu = meter.per_job(number, allowed=ALLOWED_SINGLE)
    work = "in-app, single POSTs, 16 connections"
    return [
        _figure(f"{work}: accepted", load.rate, ACCEPTED, "single POSTs", note=load.remark),
        _delivered(work, number, seconds, 600, "single POSTs", cpu),
    ]


def bulk(bench: Bench) -> list[Figure]:
    """POST to 1,000 users at a time, one request after the other."""
    bench.ensure_production()
    platform, headers = bench.platform, _headers(bench)
    body = MESSAGE | {"userIds": ids(bench, PER_POST)}
    wait_until_idle(platform)
    size = platform.scalar(SIZE)
    meter, started_at = CpuMeter(platform), time.time()
    for _ in range(bench.scaled(BULK_MESSAGES) // PER_POST):
        post(platform, headers, "/bulk", body)
    accepted_seconds = time.time() - started_at
    number, seconds = wait_until_delivered(platform, started_at)
    cpu = meter.per_job(number, allowed=ALLOWED_BULK)
    work = "in-app, bulk POSTs of 1,000"
    goal = [at_least(2000, "/s")]
    return [
        _figure(f"{work}: accepted", number / accepted_seconds, ACCEPTED, "bulk POSTs", goal),
        _delivered(work, number, seconds, 1500, "bulk POSTs", cpu),
        _size(number, int(platform.scalar(SIZE) - size)),
    ]


def idle(bench: Bench) -> list[Figure]:
    """Send one message at a time; the time runs from the commit of the request to that of the delivery."""
    bench.ensure_production()
    platform, headers = bench.platform, _headers(bench)
    wait_until_idle(platform)
    started_at = time.time()
    for user_id in ids(bench, bench.scaled(SINGLE_MESSAGES)):
        post(platform, headers, "", {"userId": user_id} | MESSAGE)
        time.sleep(0.15)
    wait_until_idle(platform)
    sql = "SELECT extract(epoch FROM sent_at - created_at)::float8 * 1000 FROM notifications"
    times = [row[0] for row in platform.query(f"{sql} WHERE created_at >= to_timestamp(%s)", started_at)]
    note = f"{len(times)} messages, one at a time; slowest {max(times):.0f} ms"
    work = "in-app, idle: accepted to delivered, p50"
    return [Figure(work, statistics.median(times), "ms", [at_most(50, "ms")], note=note)]


def queues(bench: Bench) -> list[Figure]:
    """Let job queues insert a row, enqueue a job for it, and update the row in that job."""
    bench.ensure_production()
    wait_until_idle(bench.platform)
    figures = []
    for name, script in PEERS.items():
        peer = peer_runs.run(bench, name, script, bench.scaled(PEER_JOBS))
        if peer.result is None:
            figures.append(skipped(f"{name}: one INSERT, one UPDATE", peer.reason))
            continue
        figures.append(peer.figure("jobs accepted", ACCEPTED, peer.accepted))
        figures.append(peer.figure("jobs done", DELIVERED, peer.completed, cpu=peer.cpu))
    return figures


def _figure(work: str, rate: float, contest: str, way: str, goals: list[Goal] | None = None, note: str = "") -> Figure:
    return Figure(work, rate, "/s", goals or [], note=note, contest=contest, contender=f"{HEIDI}, {way}")


def _delivered(work: str, number: int, seconds: float, goal: float, way: str, cpu: CpuPerJob) -> Figure:
    figure = _figure(f"{work}: delivered", number / seconds, DELIVERED, way, [at_least(goal, "/s")])
    return replace(figure, cpu=cpu, note=f"{number:,} messages in {seconds:.1f} s, from the first POST")


def _size(number: int, size: int) -> Figure:
    note = "rows and indexes of the message and its events, with the versions that autovacuum has not removed yet"
    return Figure(SIZE_WORK, size / max(number, 1), "bytes", note=note)


def wait_until_delivered(platform: Platform, started_at: float) -> tuple[int, float]:
    """Return the number of messages and the seconds from the start until the last one was delivered."""
    wait_until_idle(platform)
    number, last = platform.query(DONE, started_at)[0]
    return int(number), float(last or started_at) - started_at or 1.0


def post(platform: Platform, headers: dict[str, str], path: str, body: dict[str, Any]) -> None:
    url = f"{platform.service('notification')}/api/v1/notifications{path}"
    requests.post(url, json=body, headers=headers, timeout=60).raise_for_status()


def _headers(bench: Bench) -> dict[str, str]:
    return bench.platform.admin_headers() | {"Content-Type": "application/json"}
