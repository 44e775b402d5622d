"""The job that every queue does: one row when it is enqueued, one UPDATE when it completes (as an in-app message)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

CREATE = """
DROP TABLE IF EXISTS peer_jobs;
CREATE TABLE peer_jobs (id bigint PRIMARY KEY, content text NOT NULL, done_at timestamptz)
"""
INSERT = "INSERT INTO peer_jobs (id, content) VALUES (%s, %s)"
COMPLETE = "UPDATE peer_jobs SET done_at = now() WHERE id = %s"
COUNT = "SELECT count(*) FROM peer_jobs WHERE done_at IS NOT NULL"
CONTENT = "The train leaves from platform 9. " * 4
PATIENCE = 120.0
CLIENTS = 16
"""Concurrent producers, as many as the benchmark of single POSTs has connections."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="libpq URL")
    parser.add_argument("--redis", default="", help="redis:// or unix:// URL")
    parser.add_argument("--smtp", default="", help="host:port of a sink")
    parser.add_argument("--count", type=int, default=2000)
    return parser.parse_args()


def prepare(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CREATE)


def restart_with(variables: dict[str, str]) -> None:
    """Start this script again with these variables, which its modules read when they are imported."""
    if any(name not in os.environ for name in variables):
        os.environ |= variables
        os.execv(sys.executable, [sys.executable, *sys.argv])


def wait_until_done(connection: Any, count: int, started: float) -> float:
    """Seconds from `started` (time.monotonic) until all jobs are completed."""
    while time.monotonic() - started < PATIENCE:
        with connection.cursor() as cursor:
            cursor.execute(COUNT)
            if cursor.fetchone()[0] >= count:
                return time.monotonic() - started
        time.sleep(0.01)
    raise SystemExit("the jobs were not completed in time")


def cpu_seconds() -> float:
    """CPU time of this process and its descendants, so far."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = file.read_text().rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        number = int(name.split()[0])
        parents[number] = int(fields[1])
        used[number] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return sum(seconds for number, seconds in used.items() if _descends(number, parents))


def _descends(number: int, parents: dict[int, int]) -> bool:
    while number and number != os.getpid():
        number = parents.get(number, 0)
    return bool(number)


def report(count: int, accepted: float, completed: float, cpu: float) -> None:
    """One line of JSON: rates per second, and the CPU time per job in milliseconds.

    Args:
        count: The number of jobs.
        accepted: Seconds until all were enqueued.
        completed: Seconds until all were completed.
        cpu: CPU seconds that the peer's processes, producers and workers, used for them.
    """
    print(json.dumps({"accepted": count / accepted, "completed": count / completed, "cpu_ms": cpu * 1000 / count}))
