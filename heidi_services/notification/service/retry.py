"""A second chance for what has failed, by an administrator's word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict, NotFound
from heidi_services.notification.enums import Status
from heidi_services.notification.models import BULK, UNHINTED, Notification

_IN_TIME = Notification.expires_at.is_(None) | (Notification.expires_at > func.now())


def retry(notification_id: UUID) -> Notification:
    """FAILED to PENDING, with the attempts counted anew; the clock gives it out within a second."""
    with transaction():
        if not _reopen(Notification.id == notification_id, hinted_until=func.now()):
            if db.session.get(Notification, notification_id) is None:
                raise NotFound("There is no such notification.")
            raise Conflict("Only a failed notification that has not expired can be tried again.", code="not_failed")
    return db.session.get_one(Notification, notification_id, populate_existing=True)


def retry_failed(filters: Mapping[str, Any], *, since: datetime | None = None, limit: int = 10_000) -> int:
    """All of them, at the pace of bulk, so that they hold nothing up; the number."""
    chosen = select(Notification.id).where(Notification.status == Status.FAILED, _IN_TIME)
    for name, value in filters.items():
        chosen = chosen.where(getattr(Notification, name) == value)
    if since is not None:
        chosen = chosen.where(Notification.created_at >= since)
    chosen = chosen.order_by(Notification.created_at).limit(limit)
    with transaction():
        return _reopen(Notification.id.in_(chosen.scalar_subquery()), hinted_until=UNHINTED, priority=BULK)


def _reopen(which: ColumnElement[bool], **values: Any) -> int:
    statement = update(Notification).where(which, Notification.status == Status.FAILED, _IN_TIME)
    fresh = {"status": Status.PENDING, "failure_reason": None, "attempts": 0, "next_attempt_at": func.now()}
    touched = {"locked_until": None, "updated_at": func.now(), "version": Notification.version + 1}
    done = db.session.execute(
        statement.values(**fresh, **touched, **values).execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
