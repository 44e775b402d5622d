"""Batches of events, and workers that are killed: nothing is lost, every event takes effect once.

The test plays the clock: it lets leases expire and sends wake-up messages for overdue rows.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import dramatiq
import pytest
from flask import Flask
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.causes import NO_CAUSE
from heidi_common.messaging import inbox
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox
from heidi_common.messaging.outbox import OutboxEvent
from tests.faults.batch_worker import EFFECT, LETHAL, NAME, PAUSE_ONCE, QUEUE
from tests.faults.platform import ROOT
from tests.polling import until
from workers.actors import hint
from workers.batching import hints
from workers.broker import make_broker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
StartWorker = Callable[[], "subprocess.Popen[bytes]"]
SECONDS = 240


@pytest.fixture
def start_worker(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.batch_worker", database_url, redis_url, str(tmp_path)]
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        processes.append(process)
        until(lambda: (tmp_path / f"started-{process.pid}").exists() or process.poll() is not None, SECONDS)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait(60)


@pytest.fixture
def broker(app: Flask, settings: Settings) -> Iterator[dramatiq.Broker]:
    broker = make_broker(settings.broker_url)
    broker.flush_all()
    yield broker
    broker.flush_all()
    broker.close()


def store(subjects: list[str]) -> list[UUID]:
    past = utcnow() - timedelta(seconds=1)
    events = [OutboxEvent(id=uuid7(), type="an.event", subject=subject, data={}, sent_at=past) for subject in subjects]
    with transaction():
        db.session.add_all(events)
        db.session.add_all([Inbox(event_id=e.id, consumer=NAME, next_attempt_at=past) for e in events])
        return [event.id for event in events]


def statuses() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Inbox.status)))


def effects() -> list[UUID]:
    db.session.rollback()
    return sorted(UUID(subject) for subject in db.session.scalars(select(OutboxEvent.subject).filter_by(type=EFFECT)))


def let_leases_expire(broker: dramatiq.Broker, *, but: UUID | None = None) -> None:
    past = utcnow() - timedelta(seconds=1)
    with transaction():
        pending = update(Inbox).where(Inbox.status == "pending", Inbox.event_id.is_distinct_from(but))
        db.session.execute(pending.values(locked_until=None, hinted_until=past, next_attempt_at=past))
    rows = [(str(event_id), NO_CAUSE) for _, event_id in inbox.collect_overdue(500)]
    for message in hints(QUEUE, NAME, rows):
        broker.enqueue(message)


def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_nothing(
    broker: dramatiq.Broker, start_worker: StartWorker, tmp_path: Path
) -> None:
    event_ids = store([PAUSE_ONCE if number == 50 else "harmless" for number in range(100)])
    broker.enqueue(hint(QUEUE, NAME, *map(str, event_ids)))
    worker = start_worker()
    until(lambda: (tmp_path / "paused").exists(), SECONDS)
    worker.kill()
    worker.wait(60)
    assert effects() == []
    assert statuses() == {"pending": 100}
    let_leases_expire(broker)
    start_worker()
    until(lambda: statuses() == {"done": 100}, SECONDS)
    assert effects() == event_ids
    assert set(db.session.scalars(select(Inbox.attempts))) == {2}


def test_an_event_that_crashes_every_worker_does_not_stop_its_neighbors(
    broker: dramatiq.Broker, start_worker: StartWorker
) -> None:
    event_ids = store([LETHAL if number == 30 else "harmless" for number in range(100)])
    lethal = event_ids.pop(30)
    broker.enqueue(hint(QUEUE, NAME, *map(str, [lethal, *event_ids])))
    for crashes in range(1, MAX_ATTEMPTS + 1):
        worker = start_worker()
        if crashes == MAX_ATTEMPTS - 1:
            until(lambda: effects() == event_ids, SECONDS)  # only the lethal event is left
            let_leases_expire(broker)
        worker.wait(SECONDS)
        # The leases of events that were attempted before end at random times: this once, the lethal one's ends last.
        let_leases_expire(broker, but=lethal if crashes == MAX_ATTEMPTS - 2 else None)
    start_worker()
    until(lambda: statuses() == {"done": 99, "dead": 1}, SECONDS)
    assert effects() == event_ids
    assert db.session.scalars(select(Inbox.event_id).where(Inbox.status == "dead")).all() == [lethal]


def test_two_workers_with_the_same_ids_have_each_effect_once(
    broker: dramatiq.Broker, start_worker: StartWorker
) -> None:
    event_ids = store(["harmless"] * 400)
    for _ in range(4):
        for first in range(0, 400, 100):
            broker.enqueue(hint(QUEUE, NAME, *map(str, event_ids[first : first + 100])))
    start_worker()
    start_worker()
    until(lambda: statuses() == {"done": 400}, SECONDS)
    until(lambda: broker.do_qsize(QUEUE) == 0, SECONDS)  # type: ignore[attr-defined]
    assert effects() == event_ids
    assert set(db.session.scalars(select(Inbox.attempts))) == {1}
