"""Deliver several notifications: new in-app messages together, all others one after the other.

An in-app message needs no provider, so nothing happens between its claim and the record of its result. The messages
of a batch therefore share these statements. Each keeps its own lease: if the worker is killed, each is due again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from heidi_common.database.session import db
from heidi_common.logger.request_id import row_request_id
from heidi_services.notification.service.claim import ClaimedNotification, claim_new_in_app
from heidi_services.notification.service.delivery import deliver
from heidi_services.notification.service.delivery_decision import InAppDelivery, decide
from heidi_services.notification.service.delivery_results import mark_shown, record


def deliver_many(notification_ids: Sequence[UUID]) -> None:
    """Deliver those of the notifications that are due. IDs may repeat.

    Raises:
        ExceptionGroup: The failures of single notifications. They do not affect the others, and each is due again
            when its lease has expired.
    """
    if len(notification_ids) == 1:
        deliver(notification_ids[0])
        return
    failures = _Failures()
    jobs = claim_new_in_app(notification_ids)
    _show(_decide_each(jobs, failures), failures)
    claimed = {job.id for job in jobs}
    for notification_id in dict.fromkeys(notification_ids):
        if notification_id not in claimed:
            with failures.collected(notification_id):
                deliver(notification_id)
    failures.raise_collected()


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

        The block has the request ID of its notification.
        """
        try:
            with row_request_id(notification_id):
                yield
        except Exception as error:
            self.errors.append(error)
            db.session.rollback()

    def raise_collected(self) -> None:
        if self.errors:
            raise ExceptionGroup("notifications could not be delivered", self.errors)
