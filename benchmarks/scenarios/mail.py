"""Notifications: taken in, and delivered as e-mail to an SMTP sink."""

from __future__ import annotations

import json
import statistics
import time

import requests

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, at_least, at_most, times_original
from benchmarks.platform_under_test import Stage, wait_until
from benchmarks.user_fixtures import ids
from benchmarks.wrk import Load, drive

ACCEPTED = 652
READERS, MAILS, ALONE = 1000, 2000, 100
COUNT = "SELECT count(*) FROM notifications"
PATIENCE = 120


def accepted(bench: Bench) -> list[Figure]:
    """With the worker at rest (the original never delivered), and with everything running."""
    bench.produce()
    lines, headers = _posts(bench), _headers(bench)
    stage, base = bench.stage, bench.stage.service("notification")
    stage.pause("worker")
    rest = bench.load(base, lines, headers=headers)
    _drop(stage)
    stage.resume("worker")
    busy = bench.load(base, lines, headers=headers)
    _drop(stage)
    goal: list[Goal] = [times_original(1, ACCEPTED)]
    row = "POST notification (row, fact, promise)"
    return [
        Figure(
            row,
            rest.rate,
            "/s",
            goal,
            ACCEPTED,
            _said("relay running, worker at rest", rest),
        ),
        Figure(f"{row}, while it delivers", busy.rate, "/s", [], ACCEPTED, busy.trouble),
    ]


def idle(bench: Bench) -> list[Figure]:
    """One mail at a time, from the POST to the sink."""
    bench.produce()
    lines, headers = _posts(bench), _headers(bench)
    _quiet(bench.stage)
    with requests.Session() as session:
        session.headers.update(headers)
        times = [_one_mail(bench.stage, session, line.split("\t")[2]) for line in lines[: bench.many(ALONE)]]
    note = f"{len(times)} mails one by one; slowest {max(times):.0f} ms"
    return [Figure("e-mail end to end, idle: p50", statistics.median(times), "ms", [at_most(100, "ms")], note=note)]


def _one_mail(stage: Stage, session: requests.Session, body: str) -> float:
    """Milliseconds from before the POST until the sink has it."""
    before, started = len(_arrived(stage)), time.time()
    session.post(f"{stage.service('notification')}/api/v1/notifications", data=body, timeout=30).raise_for_status()
    wait_until(lambda: len(_arrived(stage)) > before, 30, every=0.005)
    arrived = _arrived(stage)[-1]
    time.sleep(0.05)
    return (arrived - started) * 1000


def sustained(bench: Bench) -> list[Figure]:
    """From the first POST to the last mail in the sink, posting as fast as the service takes them."""
    bench.produce()
    lines, headers = _posts(bench), _headers(bench)
    stage, base, wanted = bench.stage, bench.stage.service("notification"), bench.many(MAILS)
    _quiet(stage)
    before, taken, started = len(_arrived(stage)), stage.one(COUNT), time.time()
    load = drive(base, lines, PATIENCE, headers=headers, enough=lambda: stage.one(COUNT) - taken >= wanted)
    _quiet(stage)
    new = _arrived(stage)[before:]
    seconds = (new[-1] - started) if new else 0.0
    rate = len(new) / seconds if seconds else 0.0
    note = f"{stage.one(COUNT) - taken:,} taken in {load.seconds:.1f} s, {len(new):,} mails in {seconds:.1f} s"
    return [Figure("e-mail end to end, sustained", rate, "/s", [at_least(300, "/s")], note=_said(note, load))]


def _posts(bench: Bench) -> list[str]:
    message = {"channel": "EMAIL", "subject": "Your order is on its way", "content": "It will be there on Friday. " * 8}
    bodies = (json.dumps({"userId": reader} | message) for reader in ids(bench, READERS))
    return [f"POST\t/api/v1/notifications\t{body}" for body in bodies]


def _headers(bench: Bench) -> dict[str, str]:
    return bench.stage.admin() | {"Content-Type": "application/json"}


def _arrived(stage: Stage) -> list[float]:
    """When each mail came, in seconds since the epoch."""
    return [float(line) for line in stage.mails.read_text().splitlines()]


def _quiet(stage: Stage) -> None:
    """Until nothing waits to be sent or told."""
    wait_until(lambda: not stage.one("SELECT EXISTS (SELECT FROM notifications WHERE status = 'PENDING')"), PATIENCE)
    wait_until(lambda: not stage.one("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"), PATIENCE)


def _drop(stage: Stage) -> None:
    """What this row queued would be delivered into the next one."""
    stage.query("DELETE FROM notifications WHERE status = 'PENDING'")
    _quiet(stage)


def _said(note: str, load: Load) -> str:
    return "; ".join(filter(None, (note, load.trouble)))
