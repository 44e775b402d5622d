"""Deliver several new notifications: in-app messages together, all others one after the other.

An in-app message needs no provider, so nothing happens between its claim and the record of its result. The messages
of a batch therefore share these statements. Others share the claim only: the result of each is recorded before the
next one is sent, so that a worker that is killed has sent at most one without a record. Each keeps its own lease: if
the worker is killed, each is due again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from heidi_common.database.session import db
from heidi_common.logger.causes import row_cause
from heidi_common.messaging.lease_keeper import EXTEND_AFTER_SECONDS
from heidi_services.notification.service.delivery.claim import (
    AttemptedNotification,
    ClaimedNotification,
    claim_new,
    find_attempted,
    release_unused,
)
from heidi_services.notification.service.delivery.delivery import deliver_claimed
from heidi_services.notification.service.delivery.delivery_decision import InAppDelivery, decide
from heidi_services.notification.service.delivery.delivery_results import mark_shown, record

BATCH_SECONDS = 300.0
"""The longest time for which one message may occupy a thread before the rest of its rows goes to other threads."""
CLAIMED_AT_ONCE = 10
"""Notifications that share a claim: it costs a tenth then, and a slow provider makes few others wait."""
WakeSingly: TypeAlias = Callable[[Sequence[AttemptedNotification]], object]


def deliver_many(notification_ids: Sequence[UUID], wake_singly: WakeSingly) -> None:
    """Deliver those of the notifications that are due and were never claimed. IDs may repeat.

    Args:
        notification_ids: The notifications.
        wake_singly: Called last, with the due notifications that were claimed before. Each may have crashed its
            worker, so the caller sends each a separate message.

    Raises:
        ExceptionGroup: The failures of single notifications. They do not affect the others, and each is due again
            when its lease has expired.
    """
    failures = _Failures()
    ids, shown = list(dict.fromkeys(notification_ids)), claim_new(notification_ids, in_app=True)
    _show(_decide_each(shown, failures), failures)
    sent = _send_all(_without(ids, shown), failures)
    unclaimed = _without(ids, shown + sent)
    wake_singly(find_attempted(unclaimed) if unclaimed else [])
    failures.raise_collected()


def _without(ids: Sequence[UUID], jobs: Sequence[ClaimedNotification]) -> list[UUID]:
    claimed = {job.id for job in jobs}
    return [id for id in ids if id not in claimed]


def _send_all(notification_ids: Sequence[UUID], failures: _Failures) -> list[ClaimedNotification]:
    """Send those notifications that were never claimed, one after the other; returns those that were claimed.

    If the provider is slow, the rest of a batch is left to the clock, which wakes workers for it again.
    """
    claimed, started = [], time.monotonic()
    for first in range(0, len(notification_ids), CLAIMED_AT_ONCE):
        if time.monotonic() - started > BATCH_SECONDS:
            break
        jobs = claim_new(notification_ids[first : first + CLAIMED_AT_ONCE], in_app=False)
        _send_each(jobs, failures)
        claimed += jobs
    return claimed


def _send_each(jobs: Sequence[ClaimedNotification], failures: _Failures) -> None:
    """Send claimed notifications, long before their shared claim ends; those that are left are released.

    They are released too if the process ends meanwhile, which interrupts the thread.
    """
    waiting, claimed_at = deque(jobs), time.monotonic()
    try:
        while waiting and time.monotonic() - claimed_at <= EXTEND_AFTER_SECONDS:
            job = waiting.popleft()
            with failures.collected(job.id):
                deliver_claimed(job)
    finally:
        release_unused(waiting)


def _decide_each(jobs: Sequence[ClaimedNotification], failures: _Failures) -> list[ClaimedNotification]:
    """Decide about each message, and record every decision but to show it; returns the messages to show."""
    accepted = []
    for job in jobs:
        with failures.collected(job.id):
            decision = decide(job)
            if isinstance(decision, InAppDelivery):
                accepted.append(job)
            else:
                record(job, decision, ())
    return accepted


def _show(jobs: Sequence[ClaimedNotification], failures: _Failures) -> None:
    """Show the messages together, or one by one if the database rejects them together.

    A repetition is harmless: a message that is shown already is not pending any more.
    """
    if not jobs:
        return
    try:
        mark_shown(jobs)
    except DBAPIError:
        for job in jobs:
            with failures.collected(job.id):
                mark_shown([job])


@dataclass
class _Failures:
    """Collects the errors of single notifications."""

    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def collected(self, notification_id: UUID) -> Iterator[None]:
        """Collect an error that the block raises, and release what the block has left open in the session.

        The block has the cause of its notification.
        """
        try:
            with row_cause(notification_id):
                yield
        except Exception as error:
            self.errors.append(error)
            db.session.rollback()

    def raise_collected(self) -> None:
        if self.errors:
            raise ExceptionGroup("notifications could not be delivered", self.errors)
