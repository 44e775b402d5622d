"""The job that every queue does: one row when it is enqueued, one UPDATE when it completes (as an in-app message)."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
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


def report(count: int, accepted: float, completed: float) -> None:
    """One line of JSON: rates per second, and the CPU of this process and its children per job in milliseconds.

    Args:
        count: The number of jobs.
        accepted: Seconds until all were enqueued.
        completed: Seconds until all were completed.
    """
    used = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in used)
    print(json.dumps({"accepted": count / accepted, "completed": count / completed, "cpu_ms": cpu * 1000 / count}))
