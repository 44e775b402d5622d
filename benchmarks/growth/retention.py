"""How many rows retention removes per second, and how much slower requests are meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from benchmarks.growth.queries import queries
from heidi_common.database.retention import delete_in_batches
from heidi_common.database.session import db
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import AGE, Notification
from workers.periodic_tasks import IS_DISPENSABLE

SECONDS = 10.0
CLOCK_PAUSE = 0.2
"""The pause of the clock between two rounds, in each of which retention runs for a part of a second."""
REQUESTS = ("GET notifications", "GET notifications/unread-count", "GET core/events")


def measure(app: Flask) -> None:
    """Delete the oldest rows of the large tables with several batch sizes, and print the rates."""
    with app.app_context():
        idle = _median_request(app, SECONDS / 2)
    for batch in (500, 1000, 2000, 5000):
        for model, criteria in _expired(batch):
            with app.app_context():
                rate, busy = _delete(app, model, criteria, batch)
            print(
                f"{model.__tablename__:<14} {batch:>6} rows a batch: {rate:>9,.0f} rows/s while deleting,"
                f" requests {idle:.2f} -> {busy:.2f} ms",
                flush=True,
            )


def _expired(batch: int) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """What a part of the rows meets, as arguments of `delete_in_batches`; a part for each batch size."""
    share = {500: 0.05, 1000: 0.1, 2000: 0.15, 5000: 0.2}[batch]
    now = datetime.now(UTC)
    age = (now - timedelta(days=348 * (1 - share))).replace(tzinfo=None)
    yield Notification, (AGE, age, Notification.status != "PENDING")
    yield OutboxEvent, (OutboxEvent.created_at, now - timedelta(29 * (1 - share)), *IS_DISPENSABLE)
    yield Inbox, (Inbox.done_at, now - timedelta(days=13 * (1 - share)))


def _delete(app: Flask, model: Any, criteria: tuple[Any, ...], batch: int) -> tuple[float, float]:
    """Delete as the clock does; returns the rows per second and the median time of a request meanwhile."""
    before = _count(model, criteria)
    started_at = time.monotonic()
    with _requests(app) as times:
        while delete_in_batches(model, *criteria, batch=batch) and time.monotonic() < started_at + SECONDS:
            time.sleep(CLOCK_PAUSE)
    seconds = time.monotonic() - started_at
    return (before - _count(model, criteria)) / seconds, median(times)


def _count(model: Any, criteria: tuple[Any, ...]) -> int:
    age, before, *conditions = criteria
    number = db.session.scalar(select(func.count()).select_from(model).where(age < before, *conditions)) or 0
    db.session.rollback()
    return number


def _median_request(app: Flask, seconds: float) -> float:
    with _requests(app) as times:
        time.sleep(seconds)
    return median(times)


@contextmanager
def _requests(app: Flask) -> Iterator[list[float]]:
    """Send requests one after the other, with pauses, and record their times in milliseconds."""
    times: list[float] = []
    stop = threading.Event()

    def send() -> None:
        with app.app_context():
            calls = [queries(app)[name] for name in REQUESTS]
            while not stop.wait(0.005):
                for call in calls:
                    started_at = time.perf_counter()
                    call()
                    times.append((time.perf_counter() - started_at) * 1000)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield times
    finally:
        stop.set()
        thread.join()
