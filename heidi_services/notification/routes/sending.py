"""Sending, to one or to many, and second chances."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.identity.models import Role
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification
from heidi_services.notification.routes.notifications import WRITE
from heidi_services.notification.schemas import (
    BatchAcceptedOut,
    BatchOut,
    BulkIn,
    NotificationIn,
    NotificationOut,
    RetriedOut,
    RetryIn,
)
from heidi_services.notification.service import bulk, enqueue, retry
from heidi_services.notification.service.drafts import Draft

blp = Blueprint("notification-operations", __name__, description="Sending, and trying again")


@blp.route("/api/v1/notifications", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@idempotent
@blp.arguments(NotificationIn)
@blp.response(202, NotificationOut)
def send_notification(body: dict[str, Any]) -> Notification:
    """Take a message in, from a text or a template; it is sent at once or at `scheduledFor`."""
    user_id = body.pop("user_id")
    return enqueue.queue(user_id, _draft(body))


@blp.route("/api/v1/notifications/bulk", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@idempotent
@blp.arguments(BulkIn)
@blp.response(202, BatchAcceptedOut)
def send_bulk(body: dict[str, Any]) -> dict[str, Any]:
    """One message to up to 1,000 people by id, or to all whom a filter names; `skipped` are ids of nobody."""
    user_ids, chosen = body.pop("user_ids"), body.pop("filter") or {}
    batch, skipped = bulk.queue_bulk(bulk.Audience(user_ids, **chosen), _draft(body), caller().id)
    return {"id": batch.id, "accepted": batch.accepted, "skipped": skipped}


@blp.route("/api/v1/notifications/batches/<uuid:batch_id>", methods=["GET"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@blp.response(200, BatchOut)
def get_batch(batch_id: UUID) -> dict[str, Any]:
    """How many messages of a batch are in which status."""
    batch, counts = bulk.batch_counts(batch_id, sender=None if caller().is_admin else caller().id)
    return {"id": batch.id, "accepted": batch.accepted, "created_at": batch.created_at, "counts": counts}


@blp.route("/api/v1/notifications/<uuid:notification_id>/retry", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(202, NotificationOut)
def retry_notification(notification_id: UUID) -> Notification:
    """Send a failed message again."""
    return retry.retry(notification_id)


@blp.route("/api/v1/notifications/retry-failed", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(RetryIn)
@blp.response(202, RetriedOut)
def retry_failed(body: dict[str, Any]) -> dict[str, int]:
    """Send again what failed, all or by channel, category, person, batch and time."""
    return {"retried": retry.retry_failed(body, since=body.pop("since"))}


def _draft(body: dict[str, Any]) -> Draft:
    return Draft(**(body | {"channel": Channel(body["channel"]), "sender_id": caller().id}))
