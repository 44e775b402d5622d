"""How many rows retention removes per second, and how much slower requests are meanwhile."""

from __future__ import annotations

import multiprocessing
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
SHARES = {1000: 0.1, 2000: 0.2, 5000: 0.4}
"""The share of the rows that is deleted, at the end, by each batch size."""
REQUESTS = ("GET notifications", "GET notifications/unread-count", "GET core/events")


def measure(app: Flask) -> None:
    """Delete the oldest rows of the large tables with several batch sizes, and print the rates."""
    with app.app_context():
        idle = _median_request(app, SECONDS / 2)
    for batch in SHARES:
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
    share = SHARES[batch]
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
    """Send requests one after the other, with pauses; at the end, the list has their times in milliseconds.

    A process of its own sends them, since services and clock do not share an interpreter either.
    """
    times: list[float] = []
    fork = multiprocessing.get_context("fork")
    stop, results = fork.Event(), fork.SimpleQueue()
    sender = fork.Process(target=_send, args=(app, stop, results))
    sender.start()
    try:
        yield times
    finally:
        stop.set()
        times += results.get()
        sender.join()


def _send(app: Flask, stop: Any, results: Any) -> None:
    with app.app_context():
        db.engine.dispose(close=False)  # the connections belong to the parent
        calls, times = [queries(app)[name] for name in REQUESTS], []
        while not stop.wait(0.005):
            for call in calls:
                started_at = time.perf_counter()
                call()
                times.append((time.perf_counter() - started_at) * 1000)
        results.put(times)
