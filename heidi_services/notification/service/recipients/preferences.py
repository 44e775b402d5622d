"""Users' preferences: muted categories per channel, and quiet hours."""

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
from heidi_services.notification.enums import UNMUTABLE, NotificationStatus
from heidi_services.notification.models import Notification, NotificationPreferences
from heidi_services.notification.service.delivery.delivery_policy import is_muted, quiet_until


@dataclass(frozen=True, slots=True)
class ChannelPreference:
    """Whether a category is enabled for a channel."""

    category: str
    channel: str
    enabled: bool

    @property
    def key(self) -> str:
        """The element of `NotificationPreferences.muted` that disables the combination."""
        return f"{self.category}:{self.channel}"


def get(user_id: UUID) -> NotificationPreferences:
    """Return the user's preferences; without a row, those that mute nothing."""
    return db.session.get(NotificationPreferences, user_id) or NotificationPreferences(user_id=user_id, muted=[])


def lock(user_id: UUID) -> NotificationPreferences:
    """Return the user's preferences and lock them in the caller's transaction, so that a change depends on them."""
    db.session.execute(insert(NotificationPreferences).values(user_id=user_id).on_conflict_do_nothing())
    return db.session.get_one(NotificationPreferences, user_id, with_for_update=True, populate_existing=True)


def replace(
    user_id: UUID,
    preferences: Sequence[ChannelPreference],
    *,
    quiet_hours: tuple[time, time] | None = None,
    timezone: str | None = None,
) -> NotificationPreferences:
    """Replace all preferences of a user. Messages that the previous quiet hours postponed become due now.

    Args:
        quiet_hours: Local times of start and end.
        timezone: The time zone of the quiet hours; None: that of the user's profile.

    Raises:
        Invalid: A category cannot be muted, or a combination of category and channel occurs twice.
    """
    if errors := list(_errors(preferences)):
        raise Invalid(errors)
    muted = sorted(preference.key for preference in preferences if not preference.enabled)
    with transaction():
        row = lock(user_id)
        _release_postponed(row)
        row.muted = muted
        row.quiet_start, row.quiet_end = quiet_hours or (None, None)
        row.timezone = timezone if quiet_hours else None
        return row


def is_category_muted(user_id: UUID, category: str, channel: str) -> bool:
    muted = db.session.scalar(select(NotificationPreferences.muted).where(NotificationPreferences.user_id == user_id))
    return is_muted(muted or (), category, channel)


def mute_category(user_id: UUID, category: str, channel: str) -> None:
    """Mute one category for a channel in a single statement, so that concurrent changes are not lost."""
    key = f"{category}:{channel}"
    muted = func.array_append(func.array_remove(NotificationPreferences.muted, key), key)
    statement = insert(NotificationPreferences).values(user_id=user_id, muted=[key])
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_={"muted": muted}))


def _errors(preferences: Sequence[ChannelPreference]) -> Iterator[FieldError]:
    seen = set()
    for index, preference in enumerate(preferences):
        if preference.category in UNMUTABLE and not preference.enabled:
            detail = f"The category {preference.category} cannot be muted."
            yield FieldError(f"/preferences/{index}/category", detail)
        if preference.key in seen:
            yield FieldError(f"/preferences/{index}", "This combination of category and channel occurs twice.")
        seen.add(preference.key)


def _release_postponed(previous: NotificationPreferences) -> None:
    """Make messages due that wait for the end of the current quiet hours; their due time identifies them."""
    now = utcnow()
    zone = previous.timezone or db.session.scalar(select(User.timezone).where(User.id == previous.user_id))
    until = quiet_until(now, previous.quiet_start, previous.quiet_end, zone)
    if until is None:
        return
    postponed = update(Notification).where(
        *(Notification.user_id == previous.user_id, Notification.status == NotificationStatus.PENDING),
        *(Notification.next_attempt_at == until, func.coalesce(Notification.scheduled_for, now) <= now),
    )
    due_now = {"next_attempt_at": func.now(), "hinted_until": func.now(), "version": Notification.version + 1}
    db.session.execute(postponed.values(due_now).execution_options(synchronize_session=False))
