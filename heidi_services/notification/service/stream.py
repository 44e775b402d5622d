"""The in-app stream: places in commit order for each person.

A place comes from a sequence taken under a lock of the person, held until the commit: whoever has seen place 7 has seen
all that is below it, so `Last-Event-ID` misses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func
from sqlalchemy import select as sql_select

from heidi_common.database.session import db
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification

CHANNEL = "notification_stream"


def lock_stream(user_id: UUID) -> None:
    """One at a time takes places in this person's stream, until its transaction ends."""
    db.session.execute(sql_select(func.pg_advisory_xact_lock(func.hashtextextended(str(user_id), 5))))


def announce(user_id: UUID) -> None:
    """Wake the open streams of this person, everywhere, at commit."""
    db.session.execute(sql_select(func.pg_notify(CHANNEL, str(user_id))))


def last_place(user_id: UUID) -> int:
    """Where a stream that begins now begins."""
    found = sql_select(func.max(Notification.stream_id)).where(
        Notification.user_id == user_id, Notification.stream_id.is_not(None)
    )
    return db.session.scalar(found) or 0


def after_place(user_id: UUID, place: int, limit: int) -> Sequence[Notification]:
    """What a stream has not seen yet, in order."""
    found = (
        sql_select(Notification)
        .where(Notification.user_id == user_id, Notification.stream_id > place, Notification.hidden_at.is_(None))
        .where(Notification.channel == Channel.IN_APP)
        .order_by(Notification.stream_id)
        .limit(limit)
    )
    return db.session.scalars(found).all()
