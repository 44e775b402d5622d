"""Tasks of the clock process: wake workers for due notifications, release bulk messages, fail expired ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import jobs
from heidi_common.messaging.events import NotificationFailed
from heidi_common.messaging.jobs import HINT_LEASE, mark_hinted
from heidi_common.messaging.outbox import emit_many
from heidi_services.notification.enums import Channel, NotificationStatus
from heidi_services.notification.models import BULK_PRIORITY, UNHINTED, Notification

BULK_IN_FLIGHT = 400
"""The most bulk messages of a channel that wait for workers: enough to keep these busy, but few enough that all of
them are claimed before their wake-up messages count as lost (HINT_LEASE), even if the provider is slow."""
IN_APP_BULK_IN_FLIGHT = 2000
"""The same for in-app messages, which wait for no provider."""


def overdue(limit: int) -> list[UUID]:
    """Return due notifications without a wake-up message in flight."""
    return jobs.collect_overdue(Notification, open_status=NotificationStatus.PENDING, limit=limit)


def release_bulk(limit: int) -> list[UUID]:
    """Release the next bulk notifications of the channels that call a provider, each up to BULK_IN_FLIGHT.

    A released row is like any other row: if its wake-up message is lost, `overdue` returns it.
    """
    return _release((Channel.EMAIL, Channel.SMS, Channel.PUSH), BULK_IN_FLIGHT, limit)


def release_bulk_in_app(limit: int) -> list[UUID]:
    """Release the next bulk in-app messages, up to IN_APP_BULK_IN_FLIGHT; other channels do not delay them."""
    return _release((Channel.IN_APP,), IN_APP_BULK_IN_FLIGHT, limit)


def _release(channels: Sequence[Channel], most_in_flight: int, limit: int) -> list[UUID]:
    """Release up to `limit` notifications, those of the first channels first."""
    released: list[UUID] = []
    with transaction():
        in_flight = _count_in_flight()
        for channel in channels:
            capacity = min(limit - len(released), most_in_flight - in_flight.get(channel, 0))
            released += _release_next(channel, capacity) if capacity > 0 else []
    return released


def _count_in_flight() -> Mapping[str, int]:
    counts = (
        select(Notification.channel, func.count().label("number"))
        .where(Notification.status == NotificationStatus.PENDING, Notification.priority == BULK_PRIORITY)
        .where(Notification.hinted_until.between(func.now(), func.now() + HINT_LEASE))
        .group_by(Notification.channel)
    )
    return {row.channel: row.number for row in db.session.execute(counts)}


def _release_next(channel: Channel, limit: int) -> list[UUID]:
    due = (
        select(Notification.id)
        .where(Notification.status == NotificationStatus.PENDING, Notification.priority == BULK_PRIORITY)
        .where(Notification.channel == channel, Notification.hinted_until == UNHINTED)
        .where(Notification.next_attempt_at <= func.now())
        .order_by(Notification.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return mark_hinted(Notification, due)


def fail_expired(limit: int = 500) -> None:
    """Mark notifications as failed that were not sent before they expired, even if a later attempt is scheduled."""
    expired = (
        select(Notification.id)
        .where(Notification.status == NotificationStatus.PENDING, Notification.expires_at <= func.now())
        .where(Notification.locked_until.is_(None) | (Notification.locked_until < func.now()))
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
