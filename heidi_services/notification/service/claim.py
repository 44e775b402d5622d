"""Taking a due notification, with all that delivering it needs, in one round trip."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, case, func, select, update

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.jobs import status_is
from heidi_services.notification.enums import Channel, Status, Type
from heidi_services.notification.models import Notification, Preferences, Suppression

LEASE = timedelta(seconds=60)
"""Longer than any provider's time limit, failover included; whoever has many devices to reach prolongs it."""

_ROW = cast(Table, Notification.__table__)


class Job(NamedTuple):
    """A claimed notification and its reader, as values: nothing here needs the database any more."""

    id: UUID
    user_id: UUID
    channel: Channel
    category: str
    type: Type
    subject: str | None
    content: str | None
    html: str | None
    template: str | None
    template_version: int | None
    locale: str | None
    sealed: str | None
    expires_at: datetime | None
    attempts: int
    email: str | None
    phone: str | None
    known: bool
    muted: list[str] | None
    quiet_start: time | None
    quiet_end: time | None
    quiet_timezone: str | None
    timezone: str | None
    suppressed: bool


def claim(notification_id: UUID) -> Job | None:
    """The notification, locked for LEASE with its attempt counted; None when it is not due or somebody is at it.

    The same rule as heidi_common.work.claim, joined with the reader.
    """
    row = _statement().first(claimed=notification_id)
    return None if row is None else Job(*row)._replace(channel=Channel(row.channel))


def prolong(job: Job) -> bool:
    """Hold the row for another LEASE; False when somebody else has taken it over."""
    mine = update(_ROW).where(
        _ROW.c.id == job.id, _ROW.c.attempts == job.attempts, status_is(_ROW.c.status, Status.PENDING)
    )
    with transaction():
        return db.session.execute(mine.values(locked_until=func.now() + LEASE).returning(_ROW.c.id)).first() is not None


@cache
def _statement() -> CompiledStatement:
    """Made once: putting these expressions together takes longer than running them."""
    taken = (
        update(_ROW)
        .where(
            _ROW.c.id == bindparam("claimed", type_=_ROW.c.id.type),
            status_is(_ROW.c.status, Status.PENDING),
            _ROW.c.next_attempt_at <= func.now(),
        )
        .where(_ROW.c.locked_until.is_(None) | (_ROW.c.locked_until < func.now()))
        .values(attempts=_ROW.c.attempts + 1, locked_until=func.now() + LEASE, updated_at=func.now())
        .returning(_ROW)
        .cte("taken")
    )
    address = case((taken.c.channel == Channel.EMAIL, User.email), (taken.c.channel == Channel.SMS, User.phone))
    return CompiledStatement(
        select(
            *(taken.c[name] for name in Job._fields[:14]),
            User.email,
            User.phone,
            (User.id.is_not(None) & User.deleted_at.is_(None)).label("known"),
            Preferences.muted,
            Preferences.quiet_start,
            Preferences.quiet_end,
            Preferences.timezone.label("quiet_timezone"),
            User.timezone,
            select(Suppression.id)
            .where(Suppression.channel == taken.c.channel, Suppression.address == address)
            .exists()
            .label("suppressed"),
        )
        .select_from(taken)
        .outerjoin(User, User.id == taken.c.user_id)
        .outerjoin(Preferences, Preferences.user_id == taken.c.user_id),
        changes=True,
    )
