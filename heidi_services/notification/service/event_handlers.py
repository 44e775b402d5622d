"""Handlers of other services' events. Each runs once per event (see `heidi_common.messaging.inbox`).

The handler of `user.deleted` is in `erasure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import mailer
from heidi_common.identity.models import User
from heidi_common.messaging.events import IMPORTED
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Invalid
from heidi_services.notification.enums import Channel, NotificationType
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.enqueue import insert_bulk, insert_notification
from heidi_services.notification.service.recipients import devices


def handle_notification_send(event: OutboxEvent) -> None:
    """Handle `notification.send`: insert the requested notification, under the ID of the request.

    Texts and variables come encrypted with the event. Variables may be secrets (a reset link), so they stay encrypted
    in the row until the message is sent. An in-app message is rendered now, because the user can read it anyway.

    Raises:
        PermanentFailure: The notification can never be sent.
    """
    secrets, data = event.decrypt_secret_data(), event.data
    draft = Draft(
        channel=data["channel"],
        type=NotificationType(data.get("notificationType", NotificationType.INFO)),
        category=data.get("category"),
        subject=secrets.get("subject"),
        content=secrets.get("content"),
        template=data.get("template"),
        variables=secrets.get("variables") or {},
        locale=data.get("locale"),
    )
    try:
        _insert_requested(UUID(event.subject), UUID(data["userId"]), draft, secrets)
    except Invalid as error:
        raise PermanentFailure(str(error)) from None


def handle_user_created(event: OutboxEvent) -> None:
    """Handle `user.created`: send the welcome e-mail, under an ID that is derived from the event."""
    user = db.session.get(User, UUID(event.subject))
    if user is None or not is_welcomed(event):
        return  # deleted meanwhile, or imported: an existing user of another platform
    draft = Draft(channel=Channel.EMAIL, template="welcome", variables={"firstName": mailer.greeting_name(user)})
    insert = insert_bulk if event.is_bulk else insert_notification
    insert(user.id, draft.rendered_columns(user.locale), notification_id=event.id)


def filter_welcomed(events: Sequence[OutboxEvent]) -> set[UUID]:
    """Return the IDs of the `user.created` events whose users get a welcome message."""
    return {event.id for event in events if is_welcomed(event)}


def is_welcomed(event: OutboxEvent) -> bool:
    """Whether a created user gets a welcome message: imported ones only if the import requests it."""
    return IMPORTED not in (event.data.get("changed") or ())


def handle_user_reclaimed(event: OutboxEvent) -> None:
    """Handle `user.reclaimed`: remove the devices added before the owner took the account over, and report it."""
    user_id = UUID(event.subject)
    with transaction():
        removed = devices.remove_attached(user_id, datetime.fromisoformat(event.data["attachedUntil"]))
        user = db.session.get(User, user_id)
        if removed and user is not None:
            record("user_attachments_removed", actor=user_id, target=user_id, detail={"devices": removed})
            mailer.send("attachments-removed", user, notification_type="WARNING", devices=removed)


def _insert_requested(notification_id: UUID, user_id: UUID, draft: Draft, secrets: dict[str, Any]) -> None:
    user = db.session.execute(select(User.locale).where(User.id == user_id, User.deleted_at.is_(None))).first()
    if user is None:
        raise PermanentFailure("user not found")
    if draft.channel == Channel.IN_APP:
        columns = draft.rendered_columns(user.locale)
    else:
        columns = _columns_with_secrets(notification_id, draft, user.locale, secrets)
    insert_notification(user_id, columns, notification_id=notification_id)


def _columns_with_secrets(
    notification_id: UUID, draft: Draft, locale: str | None, secrets: dict[str, Any]
) -> dict[str, Any]:
    if draft.template is not None:
        columns = draft.unrendered_columns(draft.template_source(locale))
    else:
        columns = draft.rendered_columns(locale)
    stored_secrets = {key: secrets[key] for key in ("variables", "recipient") if secrets.get(key)}
    if stored_secrets:
        stored_secrets["locale"] = draft.locale or locale
        columns["sealed"] = field_encryptor().encrypt(stored_secrets, context=notification_id.bytes)
    return columns
