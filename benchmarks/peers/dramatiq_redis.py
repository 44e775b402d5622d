"""Dramatiq on Redis: one process with eight threads, as Heidi's worker in `make run`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import psycopg2
from dramatiq.brokers.redis import RedisBroker
from jobs import (
    CLIENTS,
    COMPLETE,
    CONTENT,
    INSERT,
    arguments,
    cpu_seconds,
    prepare,
    report,
    restart_with,
    wait_until_done,
)

broker = RedisBroker(url=os.environ.get("PEER_REDIS", "redis://127.0.0.1"), namespace="peer")
dramatiq.set_broker(broker)
local = threading.local()


def connect():
    connection = psycopg2.connect(os.environ["PEER_DATABASE"])
    connection.autocommit = True
    return connection


@dramatiq.actor
def complete(job_id: int) -> None:
    if not hasattr(local, "connection"):
        local.connection = connect()
    with local.connection.cursor() as cursor:
        cursor.execute(COMPLETE, [job_id])


def enqueue(number: int) -> None:
    if not hasattr(local, "connection"):
        local.connection = connect()
    with local.connection.cursor() as cursor:
        cursor.execute(INSERT, [number, CONTENT])
    complete.send(number)


def main() -> None:
    options = arguments()
    restart_with({"PEER_DATABASE": options.database, "PEER_REDIS": options.redis})
    broker.flush_all()
    connection = connect()
    prepare(connection)
    command = [sys.executable, "-m", "dramatiq", "dramatiq_redis", "--processes", "1", "--threads", "8"]
    worker = subprocess.Popen([*command, "--skip-logging"])
    time.sleep(2)
    started, before = time.monotonic(), cpu_seconds()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(enqueue, range(options.count)))
    accepted = time.monotonic() - started
    completed = wait_until_done(connection, options.count, started)
    used = cpu_seconds() - before
    worker.terminate()
    worker.wait(30)
    report(options.count, accepted, completed, used)


if __name__ == "__main__":
    main()
