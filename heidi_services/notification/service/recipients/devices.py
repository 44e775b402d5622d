"""The devices of users that receive push notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.crypto import vapid
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.address_proof import require_verified_email
from heidi_common.problems import Conflict, NotFound
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.webpush import WebPushSettings
from heidi_services.notification.models import PushDevice

MAX_DEVICES = 20
FCM, WEB_PUSH = "FCM", "WEB_PUSH"


def register_device(
    user_id: UUID, token: str, *, p256dh: str | None = None, auth: str | None = None, label: str | None = None
) -> PushDevice:
    """Register a device, or update it if the token is registered.

    A device belongs to the user who registered it last, because a token stays the same when a phone changes hands.

    Args:
        token: An FCM token or a Web Push endpoint.
        p256dh: The key of a Web Push subscription; None for FCM.
        auth: The secret of a Web Push subscription; None for FCM.

    Raises:
        Conflict: The user has MAX_DEVICES other devices.
        Forbidden: `email_not_verified`.
    """
    require_verified_email(user_id)
    kind = WEB_PUSH if p256dh else FCM
    values = {"user_id": user_id, "kind": kind, "p256dh": p256dh, "auth": auth, "label": label}
    changes = values | {"updated_at": func.now(), "version": PushDevice.version + 1}
    statement = insert(PushDevice).values(id=uuid7(), token=token, **values)
    upsert = statement.on_conflict_do_update(index_elements=["token"], set_=changes).returning(PushDevice.id)
    with transaction():
        _require_capacity(user_id, token)
        device_id = db.session.scalar(upsert)
    return db.session.get_one(PushDevice, device_id, populate_existing=True)


def list_devices(user_id: UUID, **paging: Any) -> Page:
    """List a user's devices, oldest first."""
    statement = select(PushDevice).where(PushDevice.user_id == user_id)
    return page(statement, order=PushDevice.id, descending=False, tiebreak=PushDevice.id, **paging)


def remove_device(device_id: UUID, user_id: UUID) -> None:
    """Remove a user's device; raises NotFound."""
    with transaction():
        device = db.session.get(PushDevice, device_id, with_for_update=True)
        if device is None or device.user_id != user_id:
            raise NotFound("Device not found.")
        db.session.delete(device)


def remove_attached(user_id: UUID, until: datetime) -> int:
    """Remove the devices that a user registered until a time, within the caller's transaction; return their number."""
    # A device that was first registered by another user keeps the time of its creation.
    attached = delete(PushDevice).where(PushDevice.user_id == user_id, PushDevice.updated_at <= until)
    return len(db.session.scalars(attached.returning(PushDevice.id)).all())


def _require_capacity(user_id: UUID, token: str) -> None:
    others = select(func.count()).where(PushDevice.user_id == user_id, PushDevice.token != token)
    if (db.session.scalar(others) or 0) >= MAX_DEVICES:
        detail = f"The limit of {MAX_DEVICES} devices is reached. Remove a device first."
        raise Conflict(detail, code="too_many_devices")


def push_key() -> str:
    """Return the VAPID public key with which browsers subscribe.

    Raises:
        NotFound: Web Push is not configured.
    """
    private_key = current_settings().part(WebPushSettings).vapid_private_key
    if not private_key:
        raise NotFound("Web Push is not configured. Set VAPID_PRIVATE_KEY (`flask keys vapid` generates it).")
    return vapid.public_key(private_key)
