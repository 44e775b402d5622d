"""Deliver several new notifications: in-app messages together, all others one after the other.

An in-app message needs no provider, so nothing happens between its claim and the record of its result. The messages
of a batch therefore share these statements. Each keeps its own lease: if the worker is killed, each is due again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from heidi_common.database.session import db
from heidi_common.logger.causes import row_cause
from heidi_services.notification.service.claim import (
    AttemptedNotification,
    ClaimedNotification,
    claim_new_in_app,
    find_attempted,
)
from heidi_services.notification.service.delivery import deliver
from heidi_services.notification.service.delivery_decision import InAppDelivery, decide
from heidi_services.notification.service.delivery_results import mark_shown, record

BATCH_SECONDS = 300.0
"""The longest time for which one message may occupy a thread before the rest of its rows goes to other threads."""
WakeSingly: TypeAlias = Callable[[Sequence[AttemptedNotification]], object]


def deliver_many(notification_ids: Sequence[UUID], wake_singly: WakeSingly) -> None:
    """Deliver those of the notifications that are due and were never claimed. IDs may repeat.

    Args:
        notification_ids: The notifications.
        wake_singly: Called last, with the due notifications that were claimed before. Each may have crashed its
            worker, so the caller sends each a message of its own.

    Raises:
        ExceptionGroup: The failures of single notifications. They do not affect the others, and each is due again
            when its lease has expired.
    """
    failures = _Failures()
    jobs = claim_new_in_app(notification_ids)
    _show(_decide_each(jobs, failures), failures)
    claimed = {job.id for job in jobs}
    unclaimed = _deliver_each([id for id in dict.fromkeys(notification_ids) if id not in claimed], failures)
    wake_singly(find_attempted(unclaimed) if unclaimed else [])
    failures.raise_collected()


def _deliver_each(notification_ids: Sequence[UUID], failures: _Failures) -> list[UUID]:
    """Deliver those notifications that were never claimed, one after the other; returns the others.

    If the provider is slow, the rest of a batch is left to the clock, which wakes workers for it again.
    """
    unclaimed, started = [], time.monotonic()
    for notification_id in notification_ids:
        if time.monotonic() - started > BATCH_SECONDS:
            break
        with failures.collected(notification_id):
            if not deliver(notification_id, only_new=True):
                unclaimed.append(notification_id)
    return unclaimed


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
