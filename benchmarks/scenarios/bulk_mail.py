"""E-mails of bulk messages at their sustained rate, beside mail libraries that send to the same sink."""

from __future__ import annotations

import time

import requests

from benchmarks import peer_runs
from benchmarks.arrivals import Arrivals
from benchmarks.bench import Bench
from benchmarks.measurements import HEIDI, Figure, times_peer
from benchmarks.platform_under_test import wait_until
from benchmarks.process_times import CpuMeter
from benchmarks.scenarios.pending import TIMEOUT_SECONDS, wait_until_idle
from benchmarks.user_fixtures import ids

MAILS, PER_POST = 3000, 500
ALLOWED = 2.9
"""Milliseconds of CPU time per e-mail that the rate of Django leaves on two cores."""
CONTEST = "e-mails per second to the same sink"
MESSAGE = {"channel": "EMAIL", "subject": "Your order is on its way", "content": "It will be there on Friday. " * 8}
DJANGO, SMTPLIB = "Django, kept connections", "smtplib, a connection each"


def bulk_mail(bench: Bench) -> list[Figure]:
    """Send bulk e-mails; the time runs from the first POST to the last arrival. The peers run before."""
    bench.ensure_production()
    wait_until_idle(bench.platform)
    number = bench.scaled(MAILS) // PER_POST * PER_POST
    django = _peer(bench, DJANGO, "django_mail.py", number)
    smtplib = _peer(bench, SMTPLIB, "smtplib_mail.py", number)
    return [_heidi(bench, number, django), django, smtplib]


def _heidi(bench: Bench, number: int, rival: Figure) -> Figure:
    platform = bench.platform
    body = MESSAGE | {"userIds": ids(bench, PER_POST)}
    headers, url = platform.admin_headers(), f"{platform.service('notification')}/api/v1/notifications/bulk"
    arrivals, meter, started_at = Arrivals(platform.mails), CpuMeter(platform), time.time()
    for _ in range(number // PER_POST):
        requests.post(url, json=body, headers=headers, timeout=60).raise_for_status()
    wait_until(lambda: arrivals.update() >= number, TIMEOUT_SECONDS)
    wait_until_idle(platform)
    sent = arrivals.update()
    seconds = arrivals.times[-1] - started_at if sent else 1.0
    cpu = meter.per_job(sent, allowed=ALLOWED)
    note, goals = f"{sent:,} e-mails in {seconds:.1f} s, from the first POST to the last arrival", times_peer(1, rival)
    return Figure("e-mail, bulk", sent / seconds, "/s", goals, note=note, cpu=cpu, contest=CONTEST, contender=HEIDI)


def _peer(bench: Bench, name: str, script: str, number: int) -> Figure:
    peer = peer_runs.run(bench, name, script, number)
    return peer.figure("e-mails in four threads", CONTEST, peer.completed, cpu=peer.cpu)
