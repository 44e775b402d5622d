"""Tasks of the clock process: wake workers for due notifications, release bulk messages, fail expired ones."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import jobs
from heidi_common.messaging.events import NotificationFailed
from heidi_common.messaging.jobs import HINT_LEASE, lease_released, mark_hinted
from heidi_common.messaging.outbox import emit_many
from heidi_services.notification.enums import Channel, NotificationStatus
from heidi_services.notification.models import BULK_PRIORITY, NORMAL_PRIORITY, UNHINTED, Notification

BULK_IN_FLIGHT = 400
"""The most bulk messages of a channel that wait for workers: enough to keep these busy, but few enough that all of
them are claimed before their wake-up messages count as lost (HINT_LEASE), even if the provider is slow."""
IN_APP_BULK_IN_FLIGHT = 2000
"""The same for in-app messages, which wait for no provider."""


_PENDING_BULK = (Notification.status == NotificationStatus.PENDING) & (Notification.priority == BULK_PRIORITY)


def overdue(limit: int) -> list[UUID]:
    """Return due notifications without a wake-up message in flight; bulk messages are left to `release_bulk`."""
    is_urgent = Notification.priority == NORMAL_PRIORITY
    return jobs.collect_overdue(Notification, is_urgent, open_status=NotificationStatus.PENDING, limit=limit)


def releasable(channel: str) -> ColumnElement[bool]:
    """The condition that a bulk message of a channel is due and has no wake-up message in flight.

    It was never released, or is due for another attempt, or its message was lost.
    """
    unhinted = (Notification.hinted_until == UNHINTED) | (Notification.hinted_until <= func.now())
    is_due = Notification.next_attempt_at <= func.now()
    condition: ColumnElement[bool] = (
        _PENDING_BULK & (Notification.channel == channel) & unhinted & is_due & lease_released(Notification)
    )
    return condition


def release_bulk(channel: str, limit: int) -> list[UUID]:
    """Release the next bulk messages of a channel, oldest first, so that no more than allowed are in flight."""
    most_in_flight = IN_APP_BULK_IN_FLIGHT if channel == Channel.IN_APP else BULK_IN_FLIGHT
    with transaction():
        capacity = min(limit, most_in_flight - _count_in_flight(channel))
        return _release_next(channel, capacity) if capacity > 0 else []


def _count_in_flight(channel: str) -> int:
    count = (
        select(func.count())
        .where(_PENDING_BULK, Notification.channel == channel, Notification.next_attempt_at <= func.now())
        .where(Notification.hinted_until.between(func.now(), func.now() + HINT_LEASE))
    )
    return db.session.scalar(count) or 0


def _release_next(channel: str, limit: int) -> list[UUID]:
    due = (
        select(Notification.id)
        .where(releasable(channel))
        .order_by(Notification.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return mark_hinted(Notification, due)


_IS_ACCEPTED = func.coalesce(Notification.retry_progress["accepted"].as_boolean(), False)
"""One of the devices has the message. Its last attempt, which is due before it expires, marks it as sent."""


def fail_expired(limit: int = 500) -> None:
    """Mark notifications as failed that were not sent before they expired, even if a later attempt is scheduled."""
    expired = (
        select(Notification.id)
        .where(Notification.status == NotificationStatus.PENDING, Notification.expires_at <= func.now())
        .where(Notification.locked_until.is_(None) | (Notification.locked_until < func.now()))
        .where(~_IS_ACCEPTED)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Notification)
        .where(Notification.id.in_(expired.scalar_subquery()))
        .values(status=NotificationStatus.FAILED, failure_reason="expired", sealed=None, locked_until=None)
        .values(updated_at=func.now(), version=Notification.version + 1)
        .returning(Notification.id, Notification.user_id, Notification.channel, Notification.category)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        emit_many([(_expired_event(*row), None, None) for row in db.session.execute(statement)])


def _expired_event(id: UUID, user_id: UUID, channel: str, category: str) -> NotificationFailed:
    return NotificationFailed(id=id, about_user=user_id, channel=channel, category=category, reason="expired")
