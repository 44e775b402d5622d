"""Due rows -> broker: `python -m workers.clock`. Any number of clocks may run; row locks divide the work among them.

The clock fires schedules, sends wake-up messages for due rows that have none under way, and deletes expired rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

from dramatiq import Broker

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.disk_space import disk_guard
from heidi_common.database.session import db
from heidi_common.metrics.heartbeat import Pulse
from heidi_common.server.heartbeat_files import heartbeat_folder
from heidi_common.startup.process_log import start_logging
from workers import due_probes
from workers.backlog import is_busy
from workers.broker import make_broker
from workers.consumption import BULK_QUEUE
from workers.periodic_tasks import PERIODIC_TASKS, UNFINISHED, PeriodicTask
from workers.runner import run_until_stopped

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0
"""A failed task runs again after this time, or after its own period if that is longer."""
LONGEST_SILENCE_SECONDS = 600.0
"""A task whose queue stays long sends messages at least this often."""
UNPROBED_SECONDS = 60.0
"""A task runs at least this often, even if its probe sees nothing to do."""


def tick(broker: Broker, tasks: Iterable[PeriodicTask] = PERIODIC_TASKS) -> None:
    """Run every task that is due. A failed task is delayed and does not affect the others.

    Raises:
        Exception: The first failure, when every task that was due has failed.
    """
    due = _with_work([task for task in tasks if time.monotonic() >= task.next_at])
    failures = [error for task in due if (error := _run_task(task, broker)) is not None]
    if failures and len(failures) == len(due):
        raise failures[0]


def _with_work(due: Sequence[PeriodicTask]) -> list[PeriodicTask]:
    """Leave out the tasks that have nothing to do, until they are due again."""
    try:
        idle = due_probes.idle_tasks(tuple(task.name for task in due))
    except Exception as error:  # if the database is unavailable, every task fails and is delayed
        log.warning("cannot find out which tasks have work; running all of them", extra={"error": repr(error)[:300]})
        return list(due)
    now = time.monotonic()
    skipped = [task for task in due if task.name in idle and now < task.polled_at + UNPROBED_SECONDS]
    for task in skipped:
        task.next_at = now + task.every
    return [task for task in due if task not in skipped]


def _run_task(task: PeriodicTask, broker: Broker) -> Exception | None:
    if _is_waiting_in_its_queue(task, broker):
        task.next_at = time.monotonic() + task.every
        return None
    task.polled_at = time.monotonic()
    task.next_at = task.polled_at + task.every
    try:
        messages = task.poll()
        if messages is UNFINISHED:
            task.next_at = 0.0
        for message in messages:
            broker.enqueue(message)
    except Exception as error:
        db.session.rollback()  # the next task must not start in the transaction that failed here
        task.next_at = time.monotonic() + max(task.every, RETRY_SECONDS)
        log.warning("periodic task failed", extra={"task": task.name, "error": repr(error)[:300]})
        return error
    return None


def _is_waiting_in_its_queue(task: PeriodicTask, broker: Broker) -> bool:
    """Whether the rows of a task need no further messages, since many wait. Lost messages are repeated later."""
    queue = getattr(task.poll, "queue", None)
    if queue is None or queue == BULK_QUEUE:  # bulk work is released at a limited rate
        return False
    return time.monotonic() < task.polled_at + LONGEST_SILENCE_SECONDS and is_busy(broker, queue)


def main() -> None:
    start_logging("clock")
    settings = Settings.from_env()
    app = base_app(settings, "clock")
    broker = make_broker(settings.broker_url)

    def tick_in_context() -> None:
        with app.app_context():
            if not disk_guard().is_full:
                tick(broker)

    pulse = Pulse("clock", heartbeat_folder(settings.heartbeat_folder))

    def beat() -> None:
        with app.app_context():
            pulse.beat()

    run_until_stopped("clock", tick_in_context, pause=0.2, beat=beat)
    pulse.end()


if __name__ == "__main__":
    main()
