"""APScheduler with its SQLAlchemy job store: jobs due in one second, each doing the insert of `event.emit`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg2
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from jobs import CONTENT, CREATE, arguments, cpu_seconds, report

local = threading.local()
database = ""


def insert(number: int) -> None:
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(database)
        local.connection.autocommit = True
    with local.connection.cursor() as cursor:
        cursor.execute("INSERT INTO peer_jobs (id, content, done_at) VALUES (%s, %s, now())", [number, CONTENT])


def main() -> None:
    global database
    options = arguments()
    database = options.database
    connection = psycopg2.connect(database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(CREATE + "; DROP TABLE IF EXISTS apscheduler_jobs")
    store = SQLAlchemyJobStore(url=database.replace("postgresql://", "postgresql+psycopg2://"))
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(8)},
        job_defaults={"misfire_grace_time": None},
        timezone=UTC,
    )
    scheduler.start(paused=True)
    started = time.monotonic()
    due = datetime.now(UTC) + timedelta(seconds=max(3.0, options.count / 400))
    for number in range(options.count):
        scheduler.add_job(insert, "date", run_date=due, args=[number])
    accepted = time.monotonic() - started
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    started, before = time.monotonic(), cpu_seconds()
    scheduler.resume()
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM peer_jobs")
            if cursor.fetchone()[0] >= options.count:
                break
        time.sleep(0.02)
    completed = time.monotonic() - started
    used = cpu_seconds() - before
    scheduler.shutdown()
    report(options.count, accepted, completed, used)


if __name__ == "__main__":
    main()
