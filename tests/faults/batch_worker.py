"""A worker process whose only actor pauses or kills its process at certain events.

    python -m tests.faults.batch_worker DATABASE_URL REDIS_URL FOLDER

The subject of an event says what its handler does, in addition to its effect, an event of type `an.effect`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import dramatiq
from dramatiq import Worker

from heidi_common.app import base_app
from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from tests.conftest import make_settings
from workers.actors import ACTORS, bind_all, consumer
from workers.broker import AppContext, make_broker

NAME, QUEUE, EFFECT = "leave_effect", "core", "an.effect"
PAUSE_ONCE, LETHAL = "pause once", "lethal"


def start(database_url: str, redis_url: str, folder: Path) -> None:
    settings = make_settings(database_url, redis_url, database_pool_size=10)
    context = AppContext(settings)
    context.app = base_app(settings, "worker")
    broker = make_broker(settings.broker_url, context)

    @consumer(QUEUE)
    def leave_effect(event: OutboxEvent) -> None:
        db.session.add(OutboxEvent(type=EFFECT, subject=str(event.id), data={"pid": os.getpid()}))
        db.session.flush()
        if event.subject == LETHAL:
            os.kill(os.getpid(), signal.SIGKILL)
        if event.subject == PAUSE_ONCE and not (folder / "paused").exists():
            (folder / "paused").touch()
            time.sleep(600)

    bind_all(broker)
    dramatiq.set_broker(broker)
    assert NAME in ACTORS
    Worker(broker, worker_threads=4).start()
    (folder / f"started-{os.getpid()}").touch()
    signal.pause()


if __name__ == "__main__":
    start(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
