"""The in-app stream of each user: positions in commit order, and the notifications at them.

A position is drawn from a sequence under a lock of the user that is held until the commit. A client that has received
position 7 has therefore received every lower one, so that `Last-Event-ID` does not skip a notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification

NOTIFY_CHANNEL = "notification_stream"
_LOCK_SEED = 5


def lock_stream(user_id: UUID) -> None:
    """Lock the user's stream until the transaction ends: only one transaction at a time draws positions in it."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(user_id), _LOCK_SEED))))


def notify_streams(user_id: UUID) -> None:
    """Notify the user's open streams in all processes at the commit."""
    db.session.execute(select(func.pg_notify(NOTIFY_CHANNEL, str(user_id))))


def latest_position(user_id: UUID) -> int:
    """Return the position after which a new stream starts; 0 if the user has no notifications in the stream."""
    statement = select(func.max(Notification.stream_id)).where(
        Notification.user_id == user_id, Notification.stream_id.is_not(None)
    )
    return db.session.scalar(statement) or 0


def notifications_after(user_id: UUID, position: int, limit: int) -> Sequence[Notification]:
    """Return the notifications after a position, in the order of their positions."""
    statement = (
        select(Notification)
        .where(Notification.user_id == user_id, Notification.stream_id > position, Notification.hidden_at.is_(None))
        .where(Notification.channel == Channel.IN_APP)
        .order_by(Notification.stream_id)
        .limit(limit)
    )
    return db.session.scalars(statement).all()
