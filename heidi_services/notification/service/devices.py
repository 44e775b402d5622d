"""Where push goes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict, NotFound
from heidi_services.notification.models import Device

MAX_DEVICES = 20
FCM, WEB_PUSH = "FCM", "WEB_PUSH"


def register(
    user_id: UUID, token: str, *, p256dh: str | None = None, auth: str | None = None, label: str | None = None
) -> Device:
    """A device belongs to whoever registered it last: a phone that changes hands takes its token along."""
    kind = WEB_PUSH if p256dh else FCM
    values = {"user_id": user_id, "kind": kind, "p256dh": p256dh, "auth": auth, "label": label}
    others = select(func.count()).where(Device.user_id == user_id, Device.token != token)
    changed = values | {"updated_at": func.now(), "version": Device.version + 1}
    statement = insert(Device).values(id=uuid7(), token=token, **values)
    with transaction():
        if (db.session.scalar(others) or 0) >= MAX_DEVICES:
            raise Conflict(f"There are {MAX_DEVICES} devices already; remove one first.", code="too_many_devices")
        saved = statement.on_conflict_do_update(index_elements=["token"], set_=changed).returning(Device.id)
        device_id = db.session.scalar(saved)
    return db.session.get_one(Device, device_id, populate_existing=True)


def listing(user_id: UUID, **paging: Any) -> Page:
    """Oldest first."""
    found = select(Device).where(Device.user_id == user_id)
    return page(found, order=Device.id, descending=False, tiebreak=Device.id, **paging)


def remove(device_id: UUID, user_id: UUID) -> None:
    with transaction():
        device = db.session.get(Device, device_id, with_for_update=True)
        if device is None or device.user_id != user_id:
            raise NotFound("There is no such device.")
        db.session.delete(device)
