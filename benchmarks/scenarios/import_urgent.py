"""Password-reset e-mails while users are imported: they must not wait for the import."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import requests

from benchmarks.arrivals import Arrivals
from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.scenarios.pending import wait_until_idle
from benchmarks.user_fixtures import DOMAIN, ensure

IMPORTED, RESETS = 100_000, 100
MEASURED_SECONDS, MAIL_SECONDS = 40.0, 15.0
IMPORT_DOMAIN = "import.example.org"
COUNT = "SELECT count(*) FROM users WHERE email LIKE %s"
QUEUEING = """
SELECT coalesce(1000 * percentile_cont(0.99) WITHIN GROUP (
    ORDER BY extract(epoch FROM a.started_at - o.created_at)), 0)::float8
FROM notification_attempts a JOIN notifications n ON n.id = a.notification_id JOIN outbox o ON o.subject = n.id::text
WHERE o.type = 'notification.send' AND n.template = 'password-reset' AND o.created_at >= to_timestamp(%s)
"""
"""The time from the request of the e-mail to the start of its delivery."""


def import_urgent(bench: Bench) -> list[Figure]:
    """Request resets one at a time during an import with welcome messages; the time runs from the POST to the sink."""
    bench.ensure_production()
    platform, size = bench.platform, bench.scaled(IMPORTED)
    ensure(bench)
    wait_until_idle(platform)
    path = _write_users(platform.home / "import.ndjson", size)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "users", "import", str(path), "--welcome"]
    platform.spawn("import", command, {"LOG_FORMAT": "console"})
    wait_until(lambda: platform.scalar(COUNT, f"%@{IMPORT_DOMAIN}") > 0, 60)
    started_at = time.time()
    times = _times(bench)
    seconds, imported = time.time() - started_at, platform.scalar(COUNT, f"%@{IMPORT_DOMAIN}")
    queueing = float(platform.scalar(QUEUEING, started_at))
    platform.end("import")
    _delete_imported(platform)
    work = f"password reset, POST to sink, while {size:,} users are imported"
    note = f"{len(times)} resets, one at a time, during {seconds:.0f} s, in which {imported:,} users were imported"
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    return [
        Figure(f"{work}: p50", statistics.median(times), "ms", note=note),
        Figure(f"{work}: p99", p99, "ms", [at_most(5000, "ms")], note=f"slowest {max(times):,.0f} ms"),
        Figure(f"{work}: queueing, p99", queueing, "ms", [at_most(2000, "ms")], note="until the delivery begins"),
    ]


def _times(bench: Bench) -> list[float]:
    """Return the milliseconds of each e-mail; one that has not arrived after a while counts with that time."""
    arrivals, deadline = Arrivals(bench.platform.mails), time.monotonic() + MEASURED_SECONDS
    times: list[float] = []
    while len(times) < bench.scaled(RESETS) and (time.monotonic() < deadline or len(times) < 2):
        number = len(times) + 1
        recipient, started_at = f"person{number}@{DOMAIN}", time.time()
        _request_reset(bench.platform, recipient, number)
        times.append((_arrival(arrivals, recipient) - started_at) * 1000)
        time.sleep(0.05)
    return times


def _request_reset(platform: Platform, recipient: str, number: int) -> None:
    """Request a reset from an address of its own: the number of resets per address is limited."""
    url = f"{platform.service('auth')}/api/v1/auth/password/forgot"
    headers = {"X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}"}
    requests.post(url, json={"email": recipient}, headers=headers, timeout=60).raise_for_status()


def _arrival(arrivals: Arrivals, recipient: str) -> float:
    wait_until(lambda: arrivals.update() and recipient in arrivals.recipients, MAIL_SECONDS, every=0.005)
    places = [at for at, to in zip(arrivals.times, arrivals.recipients, strict=True) if to == recipient]
    return places[0] if places else time.time()


def _write_users(path: Path, size: int) -> Path:
    with path.open("w") as file:
        for number in range(size):
            file.write(json.dumps({"email": f"user{number}@{IMPORT_DOMAIN}", "firstName": f"Given{number}"}) + "\n")
    return path


def _delete_imported(platform: Platform) -> None:
    """Delete the users and their waiting work, which would disturb the next measurement."""
    platform.query("DELETE FROM outbox WHERE is_bulk AND sent_at IS NULL")
    platform.query("DELETE FROM inbox WHERE is_bulk AND status = 'pending'")
    platform.query("DELETE FROM notifications WHERE status = 'PENDING'")
    platform.query("DELETE FROM users WHERE email LIKE %s", f"%@{IMPORT_DOMAIN}")
    wait_until_idle(platform)
