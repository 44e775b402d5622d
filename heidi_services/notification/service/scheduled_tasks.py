"""What the clock looks after: due rows nobody was told of, bulk at its own pace, expiry and retention."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.messaging import jobs
from heidi_common.messaging.events import NotificationFailed
from heidi_common.messaging.jobs import HINT_LEASE, mark_hinted
from heidi_common.messaging.outbox import emit_many
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import Status
from heidi_services.notification.models import BULK, UNHINTED, Notification

BULK_IN_FLIGHT = 400
"""So many bulk messages wait at the workers at most: enough to keep them busy, and an urgent one passes soon."""


def overdue(limit: int) -> list[UUID]:
    return jobs.collect_overdue(Notification, open_status=Status.PENDING, limit=limit)


def next_bulk(limit: int) -> list[UUID]:
    """The next bulk rows, as many as the workers have room for; from then on they are like any other row."""
    waiting = select(func.count()).where(
        Notification.status == Status.PENDING,
        Notification.priority == BULK,
        Notification.hinted_until.between(func.now(), func.now() + HINT_LEASE),
    )
    with transaction():
        room = min(limit, BULK_IN_FLIGHT - (db.session.scalar(waiting) or 0))
        return _take_bulk(room) if room > 0 else []


def _take_bulk(limit: int) -> list[UUID]:
    due = (
        select(Notification.id)
        .where(Notification.status == Status.PENDING, Notification.priority == BULK)
        .where(Notification.hinted_until == UNHINTED, Notification.next_attempt_at <= func.now())
        .order_by(Notification.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return mark_hinted(Notification, due)


def expire(limit: int = 500) -> None:
    """What was not sent in time fails, even while it waits for a later attempt."""
    late = (
        select(Notification.id)
        .where(Notification.status == Status.PENDING, Notification.expires_at <= func.now())
        .where(Notification.locked_until.is_(None) | (Notification.locked_until < func.now()))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    failed = (
        update(Notification)
        .where(Notification.id.in_(late.scalar_subquery()))
        .values(status=Status.FAILED, failure_reason="expired", sealed=None, locked_until=None)
        .values(updated_at=func.now(), version=Notification.version + 1)
        .returning(Notification.id, Notification.user_id, Notification.channel, Notification.category)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        emit_many([(_expired(*row), None, None) for row in db.session.execute(failed)])


def _expired(id: UUID, user_id: UUID, channel: str, category: str) -> NotificationFailed:
    return NotificationFailed(id=id, about_user=user_id, channel=channel, category=category, reason="expired")


def forget_old() -> None:
    """Closed notifications are kept for NOTIFICATION_RETENTION_DAYS, then go with their attempts."""
    before = utcnow() - timedelta(days=current_settings().notification_retention_days)
    delete_in_batches(Notification, Notification.created_at < before, Notification.status != Status.PENDING)
