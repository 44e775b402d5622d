"""What a person wants to hear of, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.problems import FieldError, Invalid
from heidi_services.notification.enums import UNMUTABLE, Channel, Status
from heidi_services.notification.models import Notification, Preferences
from heidi_services.notification.service.delivery_policy import is_muted, quiet_until


def get(user_id: UUID) -> Preferences:
    """The person's preferences; a person who never said anything wants everything."""
    return db.session.get(Preferences, user_id) or Preferences(user_id=user_id, muted=[])


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether one category is wanted over one channel."""

    category: str
    channel: str
    enabled: bool

    @property
    def word(self) -> str:
        return f"{self.category}:{self.channel}"


def put(
    user_id: UUID, wishes: Sequence[Wish], *, quiet: tuple[time, time] | None = None, timezone: str | None = None
) -> Preferences:
    """Replace them all; 422 for what cannot be muted or is said twice. What the old quiet hours held back is judged
    anew."""
    if flaws := list(_flaws(wishes)):
        raise Invalid(flaws)
    wanted = sorted(wish.word for wish in wishes if not wish.enabled)
    with transaction():
        db.session.execute(insert(Preferences).values(user_id=user_id).on_conflict_do_nothing())
        row = db.session.get_one(Preferences, user_id, with_for_update=True, populate_existing=True)
        _release(row)
        row.muted = wanted
        row.quiet_start, row.quiet_end = quiet or (None, None)
        row.timezone = timezone if quiet else None
        return row


def _flaws(wishes: Sequence[Wish]) -> Iterator[FieldError]:
    said = set()
    for number, wish in enumerate(wishes):
        if wish.category in UNMUTABLE and not wish.enabled:
            yield FieldError(f"/preferences/{number}/category", f"The category {wish.category} cannot be muted.")
        if wish.word in said:
            yield FieldError(f"/preferences/{number}", "This category and channel were named before.")
        said.add(wish.word)


def _release(old: Preferences) -> None:
    """Due now is what waits for the end of the quiet hours that we are in: that instant is how it is known."""
    now = utcnow()
    zone = old.timezone or db.session.scalar(select(User.timezone).where(User.id == old.user_id))
    until = quiet_until(now, old.quiet_start, old.quiet_end, zone)
    if until is None:
        return
    held = update(Notification).where(
        *(Notification.user_id == old.user_id, Notification.status == Status.PENDING),
        *(Notification.next_attempt_at == until, func.coalesce(Notification.scheduled_for, now) <= now),
    )
    fresh = {"next_attempt_at": func.now(), "hinted_until": func.now(), "version": Notification.version + 1}
    db.session.execute(held.values(fresh).execution_options(synchronize_session=False))


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
