"""Security e-mails while a large mailing is pending: they must not wait for it."""

from __future__ import annotations

import statistics
import time
from typing import Any

import requests

from benchmarks.arrivals import Arrivals
from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.scenarios.pending import delete_pending, wait_until_idle
from benchmarks.user_fixtures import ensure

PENDING, URGENT = 100_000, 150
MEASURED_SECONDS, MAIL_SECONDS = 40.0, 15.0
BULK = {"channel": "EMAIL", "subject": "News", "content": "Much is new. " * 16, "filter": {"role": "USER"}}
CODE = {"channel": "EMAIL", "category": "security", "subject": "Your code", "content": "Your code is 123456."}
BULK_PENDING = "SELECT count(*) FROM notifications WHERE status = 'PENDING' AND priority = 5"


def urgent(bench: Bench) -> list[Figure]:
    """Send security e-mails one at a time; the time runs from the POST to the arrival in the sink."""
    bench.ensure_production()
    platform, users = bench.platform, ensure(bench)
    wait_until_idle(platform)
    headers = platform.admin_headers()
    while platform.scalar(BULK_PENDING) < bench.scaled(PENDING) - users // 10:
        _post(platform, headers, "/bulk", BULK)
    before = platform.scalar(BULK_PENDING)
    times = _times(bench, headers)
    after = platform.scalar(BULK_PENDING)
    delete_pending(platform)
    note = (
        f"{len(times)} security e-mails, one at a time; {before:,} bulk e-mails pending at the start, {after:,} after"
    )
    work = f"security e-mail, POST to sink, {bench.scaled(PENDING):,} bulk e-mails pending"
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    return [
        Figure(f"{work}: p50", statistics.median(times), "ms", note=note),
        Figure(f"{work}: p99", p99, "ms", [at_most(2000, "ms")], note=f"slowest {max(times):,.0f} ms"),
    ]


def _times(bench: Bench, headers: dict[str, str]) -> list[float]:
    """Return the milliseconds of each e-mail; one that has not arrived after a while counts with that time."""
    platform = bench.platform
    times: list[float] = []
    address = (platform.home / "admin.txt").read_text().split()[0]
    recipient = platform.scalar("SELECT id::text FROM users WHERE email = %s", address)
    arrivals, deadline = Arrivals(platform.mails), time.monotonic() + MEASURED_SECONDS
    while len(times) < bench.scaled(URGENT) and (time.monotonic() < deadline or len(times) < 2):
        started_at = time.time()
        _post(platform, headers, "", CODE | {"userId": recipient})
        arrived_at = _arrival(arrivals, address, len(times))
        times.append((arrived_at - started_at) * 1000)
        time.sleep(0.05)
    return times


def _arrival(arrivals: Arrivals, address: str, number: int) -> float:
    """Wait for the e-mail with this number to an address; returns its arrival, or the time when waiting ended."""
    wait_until(lambda: arrivals.update() and arrivals.recipients.count(address) > number, MAIL_SECONDS, every=0.005)
    own = [at for at, to in zip(arrivals.times, arrivals.recipients, strict=True) if to == address]
    return own[number] if len(own) > number else time.time()


def _post(platform: Platform, headers: dict[str, str], path: str, body: dict[str, Any]) -> None:
    url = f"{platform.service('notification')}/api/v1/notifications{path}"
    requests.post(url, json=body, headers=headers, timeout=120).raise_for_status()
