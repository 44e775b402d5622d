"""Carrying out a run: claim it, do it with no transaction open, report what came of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import claim, status_is
from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock, LockNotAcquired, LockUnavailable
from heidi_services.scheduler.actions import JSON, ActionFailed, Order, Outcome, perform
from heidi_services.scheduler.enums import Overlap, Status
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.run_results import fail, succeed

log = logging.getLogger(__name__)

GRACE = 10
"""Seconds beyond its time limit after which a run's worker is taken for gone."""

LOOK_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True)
class Task:
    """What is needed of the rows, copied."""

    run_id: UUID
    schedule_id: UUID
    action: str
    payload: JSON
    timeout: int
    alone: bool  # runs of this schedule must not overlap

    @property
    def lease(self) -> int:
        return self.timeout + GRACE


def run(run_id: UUID) -> None:
    """Do one attempt at a run, if it is due and nobody else is at it."""
    task = _read(run_id)
    if task is None:
        return
    with _turn(task) as (mine, fence):
        order = _start(task, fence) if mine else None
        if order is None:
            return
        try:
            outcome = _perform(task, order)
        except ActionFailed as failure:
            fail(order, failure)
        else:
            succeed(order, outcome)


def _perform(task: Task, order: Order) -> Outcome:
    try:
        return perform(task.action, order, task.payload)
    except ActionFailed:
        raise
    except Exception as error:
        log.exception("action broke", extra={"run_id": str(task.run_id), "action": task.action})
        raise ActionFailed(f"internal error ({type(error).__name__})") from error


def _read(run_id: UUID) -> Task | None:
    statement = (
        select(Schedule, ScheduleRun.id)
        .join(ScheduleRun, ScheduleRun.schedule_id == Schedule.id)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, Status.QUEUED))
    )
    with transaction():
        found = db.session.execute(statement).first()
        if found is None:
            return None
        schedule = found[0]
        alone = schedule.overlap_policy != Overlap.ALLOW
        return Task(run_id, schedule.id, schedule.action, schedule.payload, schedule.timeout_seconds, alone)


@contextmanager
def _turn(task: Task) -> Iterator[tuple[bool, int | None]]:
    """(may go on, fencing number). The lock in Redis keeps a worker that was given up, but is still alive, apart
    from its successor as far as that can be; what is exact is exact without it, so without Redis we go on."""
    if not task.alone:
        yield True, None
        return
    lock = Lock(redis_client(), f"schedule:{task.schedule_id}", ttl=task.lease)
    try:
        lock.acquire()
    except LockUnavailable:
        yield True, None
    except LockNotAcquired:
        _postpone(task.run_id)
        yield False, None
    else:
        with _released(lock):
            yield True, lock.fencing_token


@contextmanager
def _released(lock: Lock) -> Iterator[None]:
    try:
        yield
    finally:
        try:
            lock.release()
        except LockUnavailable:
            log.warning("lock not released, it will run out")


def _start(task: Task, fence: int | None) -> Order | None:
    """QUEUED -> RUNNING with the attempt counted, in one transaction; None when it is not our turn."""
    with transaction():
        schedule = _schedule(task)
        if schedule is None:
            return None
        if task.alone and _another_is_running(task):
            _postpone(task.run_id)
            return None
        if not claim(ScheduleRun, task.run_id, open_status=Status.QUEUED, lease_seconds=task.lease):
            return None
        row = db.session.execute(
            update(ScheduleRun)
            .where(ScheduleRun.id == task.run_id)
            .values(
                status=Status.RUNNING,
                awaits=None,  # the answer that an attempt before this one waited for
                started_at=func.clock_timestamp(),
                version=ScheduleRun.version + 1,
            )
            .returning(ScheduleRun.scheduled_for, ScheduleRun.attempts)
        ).one()
        return Order(task.run_id, task.schedule_id, schedule.name, row.scheduled_for, row.attempts, task.timeout, fence)


def _schedule(task: Task) -> Schedule | None:
    """Read fresh; held where runs must not start side by side."""
    held = task.alone or None
    return db.session.get(Schedule, task.schedule_id, populate_existing=True, with_for_update=held)


def _another_is_running(task: Task) -> bool:
    statement = select(ScheduleRun.id).where(
        ScheduleRun.schedule_id == task.schedule_id,
        ScheduleRun.status == Status.RUNNING,
        ScheduleRun.id != task.run_id,
    )
    return db.session.execute(statement.limit(1)).first() is not None


def _postpone(run_id: UUID) -> None:
    """Not now; a run that waits for its turn already stays where it is."""
    later = func.now() + LOOK_AGAIN
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, Status.QUEUED))
        .where(ScheduleRun.next_attempt_at <= func.now())
        .values(next_attempt_at=later, hinted_until=later)
    )
    with transaction():
        db.session.execute(statement)
