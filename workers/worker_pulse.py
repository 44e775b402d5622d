"""The heartbeat of a worker process: it stops if one of the threads does not finish its message."""

from __future__ import annotations

import threading
import time
from typing import Any

from dramatiq import Broker, Middleware, Worker
from dramatiq.broker import MessageProxy

from heidi_common.metrics.heartbeat import FILE_SECONDS, Pulse
from heidi_common.server.heartbeat_files import heartbeat_folder
from workers.broker import AppContext
from workers.thread_load import ThreadLoad

BUSY_SECONDS = 15 * 60.0
"""More than the time limit of a message: a thread that is still busy cannot be interrupted."""


class WorkerPulse(Middleware):
    """Beats in a thread of each worker process, as long as no message takes longer than BUSY_SECONDS.

    Args:
        context: The middleware that has created the app of the process.
    """

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.thread: threading.Thread | None = None
        self.stop = threading.Event()
        self.started: dict[int, float] = {}
        self.load = ThreadLoad()

    def after_process_boot(self, broker: Broker) -> None:
        pulse = Pulse("worker", heartbeat_folder(self.context.settings.heartbeat_folder))
        self.thread = threading.Thread(target=self._run, args=[pulse], name="heartbeat", daemon=True)
        self.thread.start()

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        queues = broker.get_declared_queues()
        self.load.begin(worker.worker_threads, worker.consumer_whitelist or queues)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self.stop.set()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        self.started[threading.get_ident()] = time.monotonic()
        self.load.started(message.queue_name)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        self.started.pop(threading.get_ident(), None)
        self.load.finished()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

    def is_stuck(self, now: float) -> bool:
        """Whether a thread has been busy with one message for too long."""
        return any(now - started > BUSY_SECONDS for started in list(self.started.values()))

    def _run(self, pulse: Pulse) -> None:
        while not self.stop.wait(FILE_SECONDS):
            app = self.context.app  # Dramatiq calls the last middleware first: the app may not exist yet
            if app is not None and not self.is_stuck(time.monotonic()):
                with app.app_context():
                    pulse.beat(**self.load.read()._asdict())
        pulse.end()
