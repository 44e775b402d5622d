"""The connection pool: threads get connections in the order in which they asked, even if there are few connections."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import exc, text
from sqlalchemy.util.queue import Empty

from heidi_common.app import base_app
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.fair_pool import Turns
from heidi_common.database.session import db
from tests.conftest import make_settings
from tests.polling import until

THREADS = 8
STATEMENT = CompiledStatement(text("SELECT pg_sleep(0.001)"), changes=True)


@pytest.fixture
def worker(app: Flask, database_url: str, redis_url: str) -> Flask:
    return base_app(make_settings(database_url, redis_url, database_pool_size=2), "worker")


def test_busy_threads_share_few_connections_evenly(worker: Flask) -> None:
    counts: Counter[int] = Counter()

    def work(number: int) -> None:
        with worker.app_context():
            while counts.total() < 100 * THREADS:
                STATEMENT.all()
                counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(counts.values()) > 50 and len(counts) == THREADS, counts


def test_a_thread_without_a_connection_in_time_gets_an_error_and_delays_nobody(worker: Flask) -> None:
    with worker.app_context():
        db.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
        first, _second = db.engine.connect(), db.engine.connect()
        for _ in range(2):
            with pytest.raises(exc.TimeoutError):
                db.engine.connect()
        first.close()
        db.engine.connect().close()


def test_turns_are_passed_on_in_the_order_of_arrival() -> None:
    turns, order = Turns(), list[int]()

    def take(number: int) -> None:
        with turns.turn(60):
            order.append(number)

    with turns.turn(None):
        threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
        for number, thread in enumerate(threads, start=1):
            thread.start()
            until(lambda number=number: len(turns._waiting) == number, 10)  # type: ignore[misc]
        with pytest.raises(Empty), turns.turn(0.01):
            raise AssertionError("it is the turn of another thread")
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
