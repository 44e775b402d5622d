"""What a person wants to hear of, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from heidi_common.db import db, transaction
from heidi_common.problems import Invalid
from heidi_services.notification.kinds import UNMUTABLE, Channel
from heidi_services.notification.models import Preferences
from heidi_services.notification.service.verdict import is_muted


def get(user_id: UUID) -> Preferences:
    """The person's preferences; a person who never said anything wants everything."""
    return db.session.get(Preferences, user_id) or Preferences(user_id=user_id, muted=[])


def put(
    user_id: UUID, muted: Iterable[str], *, quiet: tuple[time, time] | None = None, timezone: str | None = None
) -> Preferences:
    """Replace them all. `muted` are `category:CHANNEL` words; 422 for what cannot be muted."""
    wanted = sorted(set(muted))
    for word in wanted:
        if word.partition(":")[0] in UNMUTABLE:
            raise Invalid.field("preferences", f"The category {word.partition(':')[0]} cannot be muted")
    with transaction():
        row = db.session.get(Preferences, user_id)
        if row is None:
            row = Preferences(user_id=user_id)
            db.session.add(row)
        row.muted = wanted
        row.quiet_start, row.quiet_end = quiet or (None, None)
        row.timezone = timezone if quiet else None
        return row


def muted(user_id: UUID, category: str, channel: Channel) -> bool:
    words = db.session.scalar(select(Preferences.muted).where(Preferences.user_id == user_id))
    return is_muted(words or (), category, channel)


def mute(user_id: UUID, category: str, channel: Channel) -> None:
    """Add one word, whatever others are doing to the row meanwhile."""
    word = f"{category}:{channel}"
    added = func.array_append(func.array_remove(Preferences.muted, word), word)
    statement = insert(Preferences).values(user_id=user_id, muted=[word])
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_={"muted": added}))
