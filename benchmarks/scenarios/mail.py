"""Notifications: accepted by the service, and delivered as e-mails to an SMTP sink."""

from __future__ import annotations

import json
import statistics
import time

import requests

from benchmarks.arrivals import Arrivals
from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, at_least, at_most, times_original
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.scenarios.pending import delete_pending, wait_until_idle
from benchmarks.user_fixtures import ids
from benchmarks.wrk import Load, drive

ACCEPTED = 652
RECIPIENTS, MAILS, SINGLE_MAILS = 1000, 2000, 100
COUNT = "SELECT count(*) FROM notifications"
TIMEOUT_SECONDS = 120


def queue(bench: Bench) -> list[Figure]:
    """POST notifications while the worker is stopped (the original never delivers), and while it delivers."""
    bench.ensure_production()
    lines, headers = _posts(bench), _headers(bench)
    platform, base = bench.platform, bench.platform.service("notification")
    platform.pause("worker")
    idle_load = bench.load(base, lines, headers=headers)
    delete_pending(platform)
    platform.resume("worker")
    busy_load = bench.load(base, lines, headers=headers)
    delete_pending(platform)
    goal: list[Goal] = [times_original(1, ACCEPTED)]
    work = "POST notification (row and event committed)"
    return [
        Figure(
            work,
            idle_load.rate,
            "/s",
            goal,
            ACCEPTED,
            _with_remark("relay running, worker stopped", idle_load),
        ),
        Figure(f"{work}, while the worker delivers", busy_load.rate, "/s", [], ACCEPTED, busy_load.remark),
    ]


def idle(bench: Bench) -> list[Figure]:
    """Send one e-mail at a time; the time runs from the POST to the arrival in the sink."""
    bench.ensure_production()
    lines, headers = _posts(bench), _headers(bench)
    wait_until_idle(bench.platform)
    with requests.Session() as session:
        session.headers.update(headers)
        times = [
            _one_mail(bench.platform, session, line.split("\t")[2]) for line in lines[: bench.scaled(SINGLE_MAILS)]
        ]
    note = f"{len(times)} e-mails, one at a time; slowest {max(times):.0f} ms"
    return [Figure("e-mail end to end, idle: p50", statistics.median(times), "ms", [at_most(100, "ms")], note=note)]


def _one_mail(platform: Platform, session: requests.Session, body: str) -> float:
    """Return the milliseconds from before the POST until the e-mail arrived in the sink."""
    arrivals, started_at = Arrivals(platform.mails), time.time()
    session.post(f"{platform.service('notification')}/api/v1/notifications", data=body, timeout=30).raise_for_status()
    wait_until(arrivals.update, 30, every=0.005)
    time.sleep(0.05)
    return (arrivals.times[-1] - started_at) * 1000


def sustained(bench: Bench) -> list[Figure]:
    """Send as many notifications as the service accepts; the time runs from the first POST to the last e-mail."""
    bench.ensure_production()
    lines, headers = _posts(bench), _headers(bench)
    platform, base, number = bench.platform, bench.platform.service("notification"), bench.scaled(MAILS)
    wait_until_idle(platform)
    arrivals, queued, started_at = Arrivals(platform.mails), platform.scalar(COUNT), time.time()
    load = drive(base, lines, TIMEOUT_SECONDS, headers=headers, until=lambda: platform.scalar(COUNT) - queued >= number)
    wait_until_idle(platform)
    arrivals.update()
    new = arrivals.times
    seconds = (new[-1] - started_at) if new else 0.0
    rate = len(new) / seconds if seconds else 0.0
    accepted = f"{platform.scalar(COUNT) - queued:,} accepted in {load.seconds:.1f} s"
    note = f"{accepted}, {len(new):,} e-mails delivered in {seconds:.1f} s"
    return [Figure("e-mail end to end, sustained", rate, "/s", [at_least(300, "/s")], note=_with_remark(note, load))]


def _posts(bench: Bench) -> list[str]:
    message = {"channel": "EMAIL", "subject": "Your order is on its way", "content": "It will be there on Friday. " * 8}
    bodies = (json.dumps({"userId": user_id} | message) for user_id in ids(bench, RECIPIENTS))
    return [f"POST\t/api/v1/notifications\t{body}" for body in bodies]


def _headers(bench: Bench) -> dict[str, str]:
    return bench.platform.admin_headers() | {"Content-Type": "application/json"}


def _with_remark(note: str, load: Load) -> str:
    return "; ".join(filter(None, (note, load.remark)))
