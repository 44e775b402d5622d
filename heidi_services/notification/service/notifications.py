"""Reading: what a person got, what they have read, and how each attempt went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, case, func, select, update

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.jobs import lease_released
from heidi_common.problems import Conflict, NotFound
from heidi_services.notification.enums import Channel, Status
from heidi_services.notification.models import Attempt, Notification

UNREAD = (
    (Notification.channel == Channel.IN_APP)
    & Notification.status.in_((Status.SENT, Status.DELIVERED))
    & Notification.hidden_at.is_(None)
)
"""In-app, sent, not read, not hidden; the condition of the index that counts them."""

SHOWN = (Notification.channel != Channel.IN_APP) | Notification.sent_at.is_not(None)
"""An in-app message is shown by being seen: before its time it is nothing that its owner could read."""


WAITING = (Notification.status == Status.PENDING) & lease_released(Notification)
"""Not gone out, and nobody is just at it."""


def get(notification_id: UUID, *, owner: UUID | None) -> Notification:
    """`owner` None sees everybody's; others' and hidden ones do not exist for an owner."""
    found = db.session.get(Notification, notification_id)
    if found is None or (owner is not None and (found.user_id != owner or found.hidden_at is not None)):
        raise NotFound("There is no such notification.")
    return found


def look(notification_id: UUID, *, owner: UUID | None) -> Notification:
    """As `get`, without what its owner was not shown yet."""
    found = get(notification_id, owner=owner)
    if owner is not None and found.channel == Channel.IN_APP and found.sent_at is None:
        raise NotFound("There is no such notification.")
    return found


def listing(user_id: UUID, filters: Mapping[str, Any], *, unread: bool, all_of_them: bool, **paging: Any) -> Page:
    """A person's notifications, newest first; `filters` are column values. Without `all_of_them`: what its owner sees,
    not what they hid or were not shown yet."""
    found: Select[Any] = select(Notification).where(Notification.user_id == user_id)
    for name, value in filters.items():
        found = found.where(getattr(Notification, name) == value)
    if unread:
        found = found.where(UNREAD)
    if not all_of_them:
        found = found.where(Notification.hidden_at.is_(None), SHOWN)
    return page(found, order=Notification.created_at, descending=True, tiebreak=Notification.id, **paging)


def attempts(notification_id: UUID, *, owner: UUID | None, **paging: Any) -> Page:
    """Oldest first."""
    look(notification_id, owner=owner)
    found = select(Attempt).where(Attempt.notification_id == notification_id)
    return page(found, order=Attempt.id, descending=False, tiebreak=Attempt.id, **paging)


def unread_count(user_id: UUID) -> int:
    with reading() as connection:
        return connection.scalar(select(func.count()).where(Notification.user_id == user_id, UNREAD)) or 0


def read(notification_id: UUID, owner: UUID) -> None:
    """Mark as read; 409 while it has not arrived."""
    arrived = (Status.SENT, Status.DELIVERED, Status.READ)
    already = Notification.status == Status.READ
    values = {"status": Status.READ, "read_at": case((already, Notification.read_at), else_=func.now())}
    _mark(notification_id, owner, arrived, values)


def unread(notification_id: UUID, owner: UUID) -> None:
    """Back to DELIVERED or SENT, whichever it was; nothing happens to what is unread."""
    before = case((Notification.delivered_at.is_not(None), Status.DELIVERED.value), else_=Status.SENT.value)
    _mark(notification_id, owner, (Status.SENT, Status.DELIVERED, Status.READ), {"status": before, "read_at": None})


def read_all(user_id: UUID) -> None:
    statement = update(Notification).where(Notification.user_id == user_id, UNREAD)
    with transaction():
        _run(statement.values(status=Status.READ, read_at=func.now(), **_touched()))


def hide(notification: Notification) -> None:
    """Take an in-app message out of its owner's sight; what has not gone out yet never will."""
    status = case((WAITING, Status.CANCELLED.value), else_=Notification.status)
    statement = update(Notification).where(Notification.id == notification.id)
    with transaction():
        _run(statement.values(hidden_at=func.now(), status=status, **_touched()))


def cancel(notification: Notification) -> None:
    """Stop what has not gone out; 409 when it has, or is just going."""
    statement = update(Notification).where(Notification.id == notification.id, WAITING)
    with transaction():
        if not _run(statement.values(status=Status.CANCELLED, sealed=None, **_touched())):
            raise Conflict("Only a notification that is still pending can be cancelled.", code="not_pending")


def _mark(notification_id: UUID, owner: UUID, states: Sequence[Status], values: Mapping[str, Any]) -> None:
    mine = (Notification.id == notification_id) & (Notification.user_id == owner) & Notification.hidden_at.is_(None)
    with transaction():
        if _run(update(Notification).where(mine, Notification.status.in_(states)).values(**values, **_touched())):
            return
        get(notification_id, owner=owner)
        raise Conflict("The notification has not arrived.", code="not_arrived")


def _touched() -> dict[str, Any]:
    return {"updated_at": func.now(), "version": Notification.version + 1}


def _run(statement: Any) -> int:
    found = cast(CursorResult[Any], db.session.execute(statement.execution_options(synchronize_session=False)))
    return found.rowcount
