"""Celery beat: one task due per schedule in the same second, each doing the insert of `event.emit`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import celery
import psycopg2
from celery.beat import Scheduler
from celery.schedules import schedstate, schedule
from jobs import CONTENT, CREATE, arguments, cpu_seconds, report, restart_with, wait_until_done

LEAD_SECONDS = 6.0
"""Time for the beat process and the worker to start."""


def broker_url(url: str) -> str:
    """The URL of Redis as kombu expects it: for a Unix socket, password and database are parameters."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    password = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{password}{unquote(parts.path)}?virtual_host={parts.query.partition('db=')[2] or '0'}"


app = celery.Celery("celery_beat", broker=broker_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1")))
app.conf.task_ignore_result = True
app.conf.task_default_queue = "peer-celery"
local = threading.local()


class AtTime(schedule):
    """Due once, at `PEER_DUE` (seconds since the epoch)."""

    def __init__(self) -> None:
        super().__init__(timedelta(days=1))
        self.was_due = False

    def is_due(self, last_run_at) -> schedstate:
        wait = float(os.environ["PEER_DUE"]) - time.time()
        if self.was_due or wait > 0:
            return schedstate(False, max(wait, 1.0) if self.was_due else wait)
        self.was_due = True
        return schedstate(True, 3600.0)


class InMemory(Scheduler):
    """As many entries as there are schedules, without a file."""

    def setup_schedule(self) -> None:
        entries = {
            f"insert-{n}": {"task": "insert", "schedule": AtTime(), "args": [n]}
            for n in range(int(os.environ["PEER_COUNT"]))
        }
        self.update_from_dict(entries)


@app.task(name="insert")
def insert(number: int) -> None:
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["PEER_DATABASE"])
        local.connection.autocommit = True
    with local.connection.cursor() as cursor:
        cursor.execute("INSERT INTO peer_jobs (id, content, done_at) VALUES (%s, %s, now())", [number, CONTENT])


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_beat", *command], stdout=sys.stderr, stderr=sys.stderr
    )


def main() -> None:
    options = arguments()
    due = time.time() + LEAD_SECONDS
    variables = {"PEER_DATABASE": options.database, "PEER_REDIS": options.redis}
    restart_with(variables | {"PEER_DUE": str(due), "PEER_COUNT": str(options.count)})
    connection = psycopg2.connect(options.database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
    app.control.purge()
    worker = start("worker", "--pool", "threads", "--concurrency", "8", "--loglevel", "WARNING", "--without-gossip")
    beat = start("beat", "-S", "celery_beat:InMemory", "--loglevel", "WARNING")
    try:
        time.sleep(max(0.0, float(os.environ["PEER_DUE"]) - time.time()))
        started, before = time.monotonic(), cpu_seconds()
        completed = wait_until_done(connection, options.count, started)
        used = cpu_seconds() - before
    finally:
        for process in (beat, worker):
            process.terminate()
            process.wait(30)
    report(options.count, completed, completed, used)


if __name__ == "__main__":
    main()
