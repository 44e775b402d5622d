"""Claim a due notification for delivery, with everything that its delivery needs, in one round trip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Table, bindparam, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from heidi_common.channels.registry import CHANNELS
from heidi_common.database.compiled import CompiledStatement, Row
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.jobs import lease_end, lease_released, status_is
from heidi_services.notification.enums import Channel, NotificationStatus, NotificationType
from heidi_services.notification.models import (
    BULK_PRIORITY,
    IS_HASHED,
    IS_IN_FORCE,
    Notification,
    NotificationPreferences,
    Suppression,
)
from heidi_services.notification.service.delivery.retry_progress import RetryProgress

LEASE = timedelta(seconds=60)
"""Longer than the time limits of all providers together. A delivery to many devices extends it."""
MAX_CLAIMS = 20
"""Claims without a recorded result that end a notification: it crashes its worker in every delivery."""

_ROW = cast(Table, Notification.__table__)


class ClaimedNotification(NamedTuple):
    """A claimed notification with its recipient's data, as values: using it needs no database connection.

    Attributes:
        attempts: The number of this attempt, starting at 1. It identifies the claim.
        retry_progress: `progress` as it is stored.
        email: The address of the user's account, as `phone`.
        user_exists: False if the account does not exist or has been deleted.
        muted: The user's muted categories (`category:CHANNEL`); None without preferences.
        quiet_timezone: The time zone of the quiet hours; None means that of the profile, `timezone`.
        recipient_name: The name of the account; None if its address has not been verified.
        email_proven: Whether the user has proved that the address `email` is theirs.
        suppression: Why nothing may be sent to the address, as far as it is stored in plain; None: it may.
        has_hashed: Whether the channel has suppressions that are stored as HMACs.
    """

    id: UUID
    user_id: UUID
    channel: str
    category: str
    type: NotificationType
    subject: str | None
    content: str | None
    html: str | None
    template: str | None
    template_version: int | None
    locale: str | None
    sealed: str | None
    expires_at: datetime | None
    attempts: int
    retry_progress: dict[str, Any] | None
    attachments: list[dict[str, Any]] | None
    options: dict[str, Any] | None
    email: str | None
    phone: str | None
    user_exists: bool
    muted: list[str] | None
    quiet_start: time | None
    quiet_end: time | None
    quiet_timezone: str | None
    timezone: str | None
    recipient_name: str | None
    email_proven: bool
    suppression: str | None
    has_hashed: bool

    @property
    def progress(self) -> RetryProgress:
        """What the earlier attempts have achieved."""
        return RetryProgress.from_json(self.retry_progress)

    @property
    def crashes(self) -> int:
        """Attempts, with this one, whose result was not recorded."""
        return self.attempts - self.progress.recorded


class AttemptedNotification(NamedTuple):
    """A due notification that a worker has claimed before."""

    id: UUID
    is_bulk: bool


_ROW_FIELDS = ClaimedNotification._fields[: ClaimedNotification._fields.index("email")]


def claim(notification_id: UUID) -> ClaimedNotification | None:
    """Lock a due notification for LEASE and count the attempt.

    The rule is that of `heidi_common.messaging.jobs.claim`; this statement also reads the recipient's data.

    Returns:
        None if the notification is not due, is not pending, does not exist, or another worker has claimed it.
    """
    row = _claim_one_statement(tuple(CHANNELS)).first(claimed=notification_id)
    return None if row is None else _claimed(row)


def claim_new(notification_ids: Sequence[UUID], *, in_app: bool) -> list[ClaimedNotification]:
    """Claim due notifications that have never been claimed, all with one statement, as `claim` does with one.

    A notification that was claimed before is left out, see `find_attempted`.

    Args:
        in_app: Claim in-app messages only; False: only those that a provider sends.

    Returns:
        The claimed notifications in the order of their IDs, which is that of their creation.
    """
    rows = _claim_new_statement(in_app, tuple(CHANNELS)).all(claimed=list(notification_ids))
    return sorted(map(_claimed, rows), key=attrgetter("id"))


def release_unused(jobs: Collection[ClaimedNotification]) -> None:
    """Undo claims that were not used, unless they have ended: the clock wakes workers for these notifications."""
    if jobs:
        _release_unused_statement().all(claimed=[job.id for job in jobs])


def find_attempted(notification_ids: Sequence[UUID]) -> list[AttemptedNotification]:
    """Those of the notifications that are due and were claimed before, fewest attempts first.

    One of them may have crashed its worker, so each must be delivered without neighbors.
    """
    return [AttemptedNotification(*row) for row in _attempted_statement().all(claimed=list(notification_ids))]


def _claimed(row: Row) -> ClaimedNotification:
    return ClaimedNotification(*row)


def extend_lease(job: ClaimedNotification) -> bool:
    """Lock the notification for another LEASE; False if this claim has ended and another worker may have claimed it."""
    own_claim = update(_ROW).where(
        _ROW.c.id == job.id, _ROW.c.attempts == job.attempts, status_is(_ROW.c.status, NotificationStatus.PENDING)
    )
    statement = own_claim.values(locked_until=func.now() + LEASE).returning(_ROW.c.id)
    with transaction():
        return db.session.execute(statement).first() is not None


_CLAIMABLE = (
    status_is(_ROW.c.status, NotificationStatus.PENDING)
    & (_ROW.c.next_attempt_at <= func.now())
    & lease_released(_ROW.c)
)
_IS_GIVEN = _ROW.c.id == func.any(bindparam("claimed", type_=ARRAY(_ROW.c.id.type)))


@cache
def _claim_one_statement(channels: tuple[str, ...]) -> CompiledStatement:
    """Built once: building these expressions takes longer than running the statement."""
    return _claim_statement((_ROW.c.id == bindparam("claimed", type_=_ROW.c.id.type)) & _CLAIMABLE, channels)


@cache
def _claim_new_statement(in_app: bool, channels: tuple[str, ...]) -> CompiledStatement:
    """Skips rows that another worker is claiming at this moment, so that two workers with the same IDs never wait."""
    is_in_app = _ROW.c.channel == Channel.IN_APP.value
    rows = select(_ROW.c.id).where(_IS_GIVEN, _CLAIMABLE, _ROW.c.attempts == 0, is_in_app if in_app else ~is_in_app)
    return _claim_statement(_ROW.c.id.in_(rows.order_by(_ROW.c.id).with_for_update(skip_locked=True)), channels)


@cache
def _release_unused_statement() -> CompiledStatement:
    """The claims of `claim_new` are the first, so a notification with another claim belongs to another worker."""
    is_claimed = status_is(_ROW.c.status, NotificationStatus.PENDING) & (_ROW.c.attempts == 1)
    unused = {"attempts": 0, "locked_until": None, "hinted_until": func.now(), "updated_at": func.now()}
    return CompiledStatement(
        update(_ROW).where(_IS_GIVEN, is_claimed, _ROW.c.locked_until.is_not(None)).values(unused).returning(_ROW.c.id),
        changes=True,
    )


@cache
def _attempted_statement() -> CompiledStatement:
    is_bulk = (_ROW.c.priority == BULK_PRIORITY).label("is_bulk")
    attempted = select(_ROW.c.id, is_bulk).where(_IS_GIVEN, _CLAIMABLE, _ROW.c.attempts > 0)
    return CompiledStatement(attempted.order_by(_ROW.c.attempts, _ROW.c.id))


def _claim_statement(condition: ColumnElement[bool], channels: Sequence[str]) -> CompiledStatement:
    claimed = (
        update(_ROW)
        .where(condition)
        .values(attempts=_ROW.c.attempts + 1, updated_at=func.now())
        .values(locked_until=lease_end(_ROW.c.attempts, literal(LEASE, Interval)))
        .returning(_ROW)
        .cte("claimed")
    )
    fields = [(name, CHANNELS[name].address_field) for name in channels]
    address = case(*((claimed.c.channel == name, getattr(User, field)) for name, field in fields if field))
    return CompiledStatement(
        select(
            *(claimed.c[name] for name in _ROW_FIELDS),
            User.email,
            User.phone,
            (User.id.is_not(None) & User.deleted_at.is_(None)).label("user_exists"),
            NotificationPreferences.muted,
            NotificationPreferences.quiet_start,
            NotificationPreferences.quiet_end,
            NotificationPreferences.timezone.label("quiet_timezone"),
            User.timezone,
            case((User.email_verified_at.is_not(None), func.concat_ws(" ", User.first_name, User.last_name))),
            User.email_verified_at.is_not(None).label("email_proven"),
            select(Suppression.reason)
            .where(Suppression.channel == claimed.c.channel, Suppression.address == address, IS_IN_FORCE)
            .scalar_subquery()
            .label("suppression"),
            select(Suppression.id).where(Suppression.channel == claimed.c.channel, IS_HASHED, IS_IN_FORCE).exists(),
        )
        .select_from(claimed)
        .outerjoin(User, User.id == claimed.c.user_id)
        .outerjoin(NotificationPreferences, NotificationPreferences.user_id == claimed.c.user_id),
        changes=True,
        prepared=True,
    )
