"""The in-app stream of each user: positions in commit order, and the notifications at them.

A position is drawn from a sequence under a lock of the user that is held until the commit. A client that has received
position 7 has therefore received every lower one, so that `Last-Event-ID` does not skip a notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Text, cast, exists, func, select

from heidi_common.database.session import db
from heidi_common.interceptors.event_stream import StreamStart
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification

NOTIFY_CHANNEL = "notification_stream"
_LOCK_SEED = 5


def lock_streams(user_ids: ColumnElement[UUID]) -> CTE:
    """Build a CTE of one row that locks users' streams until the transaction ends.

    Only one transaction at a time draws positions in a stream. All transactions lock in the same order: otherwise two
    that share users could wait for each other.

    Args:
        user_ids: A column of users, which may repeat.

    Returns:
        A CTE whose `streams` is the number of locked streams. It must be used before positions are drawn.
    """
    key = func.hashtextextended(cast(user_ids, Text), _LOCK_SEED).label("key")
    keys = select(key).distinct().order_by(key).subquery()
    return select(func.count(func.pg_advisory_xact_lock(keys.c.key)).label("streams")).cte("locked")


def notify_stream(user_id: ColumnElement[UUID]) -> ColumnElement[Any]:
    """The expression that notifies a user's open streams in all processes at the commit, once per transaction."""
    return func.pg_notify(NOTIFY_CHANNEL, cast(user_id, Text))


def latest_position(user_id: UUID) -> int:
    """Return the position after which a new stream starts; 0 if the user has no notifications in the stream."""
    statement = select(func.max(Notification.stream_id)).where(
        Notification.user_id == user_id, Notification.stream_id.is_not(None)
    )
    return db.session.scalar(statement) or 0


def start_of(user_id: UUID, requested: int | None) -> StreamStart:
    """Find where a stream starts.

    Args:
        user_id: The user.
        requested: The `Last-Event-ID`. None or 0 can always be resumed from: 0 is the start of a stream in which
            nothing had been sent.
    """
    if requested == 0:
        return StreamStart(0)
    latest = latest_position(user_id)
    if requested is None:
        return StreamStart(latest)
    if requested > latest:
        return StreamStart(latest, requested, "future")
    return StreamStart(requested) if _was_sent(user_id, requested) else StreamStart(requested, requested, "unknown")


def _was_sent(user_id: UUID, position: int) -> bool:
    statement = exists().where(Notification.user_id == user_id, Notification.stream_id == position)
    return bool(db.session.scalar(select(statement)))


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
