"""Busy workers show in heartbeats, health and metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
from dramatiq import Broker, Worker
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.inbox import Inbox
from heidi_common.metrics import worker_load
from heidi_common.metrics.heartbeat import Heartbeat, Pulse
from heidi_common.metrics.waiting_queues import read_oldest_due
from heidi_common.server.heartbeat_files import STALE_SECONDS
from heidi_services.scheduler.actions import emitting_actions
from heidi_services.scheduler.models import EMITTING_ACTIONS
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, schedule  # noqa: F401  # a fixture
from workers.actors import hint
from workers.broker import QUEUES, AppContext, make_broker
from workers.thread_load import GAP_SECONDS, ThreadLoad
from workers.worker_pulse import WorkerPulse


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Threads:
    """Threads of a worker that begin and end messages when a test says so."""

    def __init__(self, number: int, *queues: str) -> None:
        self.clock = Clock()
        self.load = ThreadLoad(self.clock)
        self.load.begin(number, queues)

    def run(self, thread: int, action: Callable[[], None]) -> None:
        """Call a function in the thread with this number."""
        identity, threading.get_ident = threading.get_ident, lambda: thread  # type: ignore[assignment]
        try:
            action()
        finally:
            threading.get_ident = identity

    def start(self, thread: int, queue: str = "core") -> None:
        self.run(thread, lambda: self.load.started(queue))

    def finish(self, thread: int) -> None:
        self.run(thread, self.load.finished)


def test_busy_threads_are_counted_by_queue() -> None:
    threads = Threads(3, "core", "webhooks", "bulk")
    assert threads.load.read() == (3, {"bulk": 0, "core": 0, "webhooks": 0}, 0.0)
    threads.start(1, "webhooks")
    threads.start(2, "webhooks")
    assert threads.load.read().busy == {"bulk": 0, "core": 0, "webhooks": 2}
    threads.finish(1)
    threads.finish(1)
    assert threads.load.read().busy == {"bulk": 0, "core": 0, "webhooks": 1}


def test_a_worker_is_saturated_while_no_thread_is_free() -> None:
    threads = Threads(2, "core")
    threads.start(1)
    threads.clock.now += 50
    assert threads.load.read().saturated_seconds == 0
    threads.start(2)
    threads.clock.now += 30
    assert threads.load.read().saturated_seconds == 30
    threads.finish(2)
    threads.clock.now += GAP_SECONDS / 2
    threads.start(2)  # it takes the next message: it was not free
    threads.clock.now += 10
    assert threads.load.read().saturated_seconds == 40 + GAP_SECONDS / 2
    threads.finish(1)
    threads.clock.now += GAP_SECONDS * 2
    assert threads.load.read().saturated_seconds == 0
    threads.start(1)
    threads.clock.now += 5
    assert threads.load.read().saturated_seconds == 5


@pytest.fixture
def broker(app: Flask, settings: Settings) -> Iterator[Broker]:
    context = AppContext(settings)
    context.app = app
    pulse = WorkerPulse(context)
    broker = make_broker(settings.broker_url, context, pulse)
    broker.flush_all()
    yield broker
    broker.flush_all()
    broker.close()


def test_the_threads_of_a_worker_are_watched(app: Flask, broker: Broker) -> None:
    release, pulse = threading.Event(), next(each for each in broker.middleware if isinstance(each, WorkerPulse))

    @dramatiq.actor(broker=broker, queue_name="outbound", actor_name="waits")
    def waits(*_: str) -> None:
        release.wait(60)

    worker = Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        for _ in range(2):
            broker.enqueue(hint("outbound", "waits", str(uuid4())))
        until(lambda: pulse.load.read().busy["outbound"] >= 1)
        assert pulse.load.read().threads == 2 and "notification" in pulse.load.read().busy
        release.set()
        until(lambda: not any(pulse.load.read().busy.values()))
    finally:
        release.set()
        worker.stop()


def beat(folder: Path, process_id: int = 1, **load: Any) -> None:
    """Store the heartbeat of a worker."""
    values = {"threads": 8, "busy": {"core": 0, "outbound": 0}, "saturated_seconds": 0.0} | load
    Pulse("worker", folder).beat(**values)
    with transaction():
        db.session.execute(update(Heartbeat).where(Heartbeat.process_id > 1000).values(process_id=process_id, host="a"))


BUSY = {"busy": {"core": 1, "outbound": 7}, "saturated_seconds": 42.0}


def test_health_says_which_worker_is_busy(
    app: Flask, client: FlaskClient, tmp_path: Path, as_user: Callable[..., Any]
) -> None:
    assert client.get("/readyz").get_json()["workers"] is None
    beat(tmp_path, busy={"core": 2, "outbound": 0})
    assert client.get("/readyz").get_json()["workers"] == {
        "status": "up",
        "threads": 8,
        "busy": {"core": 2, "outbound": 0},
    }
    beat(tmp_path, 2, **BUSY)
    ready = client.get("/readyz").get_json()
    detail = "All 8 threads of worker 2 on a have been busy for 42 s (core 1, outbound 7)."
    assert ready["status"] == "ready" and ready["workers"]["status"] == "degraded"
    assert (ready["workers"]["threads"], ready["workers"]["detail"]) == (16, detail)
    admin = as_user(Role.ADMIN).headers
    status = client.get("/api/v1/core/status", headers=admin).get_json()["data"]
    assert (status["status"], status["workers"]["detail"]) == ("degraded", detail)
    public = client.get("/api/v1/core/status").get_json()["data"]
    assert public["workers"] == {"status": "degraded"}


def test_a_worker_that_has_ended_is_not_busy(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    beat(tmp_path, **BUSY)
    with transaction():
        db.session.execute(text(f"UPDATE heartbeats SET beat_at = now() - interval '{STALE_SECONDS + 1} seconds'"))
    assert client.get("/readyz").get_json()["workers"]["status"] == "down"
    with db.engine.connect() as connection:
        assert list(worker_load.gauges(worker_load.read_loads(connection))) == []


def test_metrics_show_busy_threads_and_the_oldest_job_of_each_queue(
    app: Flask,
    client: FlaskClient,
    tmp_path: Path,
    schedule: MakeSchedule,  # noqa: F811
) -> None:
    beat(tmp_path, 1, **BUSY)
    beat(tmp_path, 2, busy={"core": 3, "outbound": 0})
    with transaction():
        for consumer, is_bulk in (("forget_user", False), ("renew_overview", True)):
            db.session.add(Inbox(event_id=uuid4(), consumer=consumer, is_bulk=is_bulk))
    calls, emits = (
        schedule(action="http.request", payload={"url": "https://example.com", "method": "POST"}),
        schedule(action="event.emit", payload={"type": "custom.x"}),
    )
    with transaction():
        db.session.execute(text("UPDATE inbox SET next_attempt_at = now() - interval '100 seconds' WHERE NOT is_bulk"))
        for schedule_id, seconds in ((calls, 90), (emits, 20)):
            insert = (
                "INSERT INTO schedule_runs (id, schedule_id, scheduled_for, trigger, status, next_attempt_at)"
                f" VALUES (gen_random_uuid(), '{schedule_id}', now(), 'CRON', 'QUEUED',"  # nosec B608
                f" now() - interval '{seconds} seconds')"
            )
            db.session.execute(text(insert))
        leased = "UPDATE inbox SET locked_until = now() + interval '1 minute' WHERE is_bulk"
        db.session.execute(text(leased))
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'heidi_worker_threads{host="a"} 16.0' in metrics
    assert 'heidi_worker_threads_busy{host="a",queue="core"} 4.0' in metrics
    assert 'heidi_worker_threads_busy{host="a",queue="outbound"} 7.0' in metrics
    assert 'heidi_worker_saturated_seconds{host="a"} 42.0' in metrics
    with db.engine.connect() as connection:
        oldest = read_oldest_due(connection)
    assert oldest.keys() == set(QUEUES)
    assert {queue: round(seconds / 10) for queue, seconds in oldest.items() if seconds} == {
        "notification": 10,
        "outbound": 9,
        "scheduler": 2,
    }
    assert 'heidi_queue_oldest_due_seconds{queue="outbound"}' in metrics


def test_the_emitting_actions_are_those_that_declare_it() -> None:
    assert set(EMITTING_ACTIONS) == emitting_actions()
