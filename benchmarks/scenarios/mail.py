"""Notifications: accepted by the service, and delivered as e-mails to an SMTP sink."""

from __future__ import annotations

import json
import statistics
import time

import requests

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, at_least, at_most, times_original
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.user_fixtures import ids
from benchmarks.wrk import Load, drive

ACCEPTED = 652
RECIPIENTS, MAILS, SINGLE_MAILS = 1000, 2000, 100
PENDING = "SELECT EXISTS (SELECT FROM notifications WHERE status = 'PENDING')"
UNSENT = "SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
COUNT = "SELECT count(*) FROM notifications"
TIMEOUT_SECONDS = 120


def queue(bench: Bench) -> list[Figure]:
    """POST notifications while the worker is stopped (the original never delivers), and while it delivers."""
    bench.ensure_production()
    lines, headers = _posts(bench), _headers(bench)
    platform, base = bench.platform, bench.platform.service("notification")
    platform.pause("worker")
    idle_load = bench.load(base, lines, headers=headers)
    _delete_pending(platform)
    platform.resume("worker")
    busy_load = bench.load(base, lines, headers=headers)
    _delete_pending(platform)
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
    _wait_until_idle(bench.platform)
    with requests.Session() as session:
        session.headers.update(headers)
        times = [
            _one_mail(bench.platform, session, line.split("\t")[2]) for line in lines[: bench.scaled(SINGLE_MAILS)]
        ]
    note = f"{len(times)} e-mails, one at a time; slowest {max(times):.0f} ms"
    return [Figure("e-mail end to end, idle: p50", statistics.median(times), "ms", [at_most(100, "ms")], note=note)]


def _one_mail(platform: Platform, session: requests.Session, body: str) -> float:
    """Return the milliseconds from before the POST until the e-mail arrived in the sink."""
    before, started_at = len(_arrived(platform)), time.time()
    session.post(f"{platform.service('notification')}/api/v1/notifications", data=body, timeout=30).raise_for_status()
    wait_until(lambda: len(_arrived(platform)) > before, 30, every=0.005)
    arrived = _arrived(platform)[-1]
    time.sleep(0.05)
    return (arrived - started_at) * 1000


def sustained(bench: Bench) -> list[Figure]:
    """Send as many notifications as the service accepts; the time runs from the first POST to the last e-mail."""
    bench.ensure_production()
    lines, headers = _posts(bench), _headers(bench)
    platform, base, number = bench.platform, bench.platform.service("notification"), bench.scaled(MAILS)
    _wait_until_idle(platform)
    before, queued, started_at = len(_arrived(platform)), platform.scalar(COUNT), time.time()
    load = drive(base, lines, TIMEOUT_SECONDS, headers=headers, until=lambda: platform.scalar(COUNT) - queued >= number)
    _wait_until_idle(platform)
    new = _arrived(platform)[before:]
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


def _arrived(platform: Platform) -> list[float]:
    """Return the arrival of each e-mail in seconds since the epoch."""
    return [float(line) for line in platform.mails.read_text().splitlines()]


def _wait_until_idle(platform: Platform) -> None:
    """Wait until no notification is pending and no event is unsent."""
    wait_until(
        lambda: not platform.scalar("SELECT EXISTS (SELECT FROM notifications WHERE status = 'PENDING')"),
        TIMEOUT_SECONDS,
    )
    wait_until(lambda: not platform.scalar("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"), TIMEOUT_SECONDS)


def _delete_pending(platform: Platform) -> None:
    """Delete pending notifications, which would otherwise be delivered during the next measurement."""
    platform.query("DELETE FROM notifications WHERE status = 'PENDING'")
    _wait_until_idle(platform)


def _with_remark(note: str, load: Load) -> str:
    return "; ".join(filter(None, (note, load.remark)))
