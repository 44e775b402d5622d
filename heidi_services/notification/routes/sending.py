"""Send messages to one or many users, and retry failed ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import g

from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import tagged
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.notification.models import Notification
from heidi_services.notification.routes.notifications import WRITE
from heidi_services.notification.schemas.message_options import take_options
from heidi_services.notification.schemas.notifications import NotificationOut
from heidi_services.notification.schemas.sending import (
    BatchAcceptedOut,
    BatchOut,
    BulkIn,
    NotificationIn,
    RetryCountOut,
    RetryIn,
)
from heidi_services.notification.service import bulk, enqueue
from heidi_services.notification.service.delivery import manual_retry
from heidi_services.notification.service.drafts import Draft

blp = Blueprint("notification-operations", __name__, description="Send messages and retry failed ones")


@blp.route("/api/v1/notifications", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@idempotent
@blp.arguments(NotificationIn)
@blp.response(202, NotificationOut)
def send_notification(body: dict[str, Any]) -> Notification:
    """Enqueue a message with a text or a template. It is sent immediately, or at `scheduledFor`."""
    user_id = body.pop("user_id")
    return enqueue.enqueue_notification(user_id, _draft(body))


@blp.route("/api/v1/notifications/bulk", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@idempotent
@blp.arguments(BulkIn)
@blp.response(202, BatchAcceptedOut)
def send_bulk(body: dict[str, Any]) -> dict[str, Any]:
    """Send one message to up to 1,000 users by ID, or to all users that a filter selects.

    `skipped` lists the IDs for which no user exists.
    """
    user_ids, conditions = body.pop("user_ids"), body.pop("filter") or {}
    audience = bulk.Audience(user_ids, **conditions)
    batch, skipped, segments = bulk.enqueue_bulk(audience, _draft(body), caller().id)
    return {"id": batch.id, "accepted": batch.accepted, "skipped": skipped, "segments": segments}


@blp.route("/api/v1/notifications/batches/<uuid:batch_id>", methods=["GET"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=(WRITE,))
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, BatchOut)
def get_batch(batch_id: UUID) -> dict[str, Any]:
    """Count a batch's messages by status."""
    batch, counts = bulk.batch_counts(batch_id, sender=None if caller().is_admin else caller().id)
    return {"id": batch.id, "accepted": batch.accepted, "created_at": batch.created_at, "counts": counts}


@blp.route("/api/v1/notifications/<uuid:notification_id>/retry", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(202, NotificationOut)
def retry_notification(notification_id: UUID) -> Notification:
    """Retry a failed message."""
    return manual_retry.retry_notification(notification_id)


@blp.route("/api/v1/notifications/retry-failed", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(RetryIn)
@blp.response(202, RetryCountOut)
def retry_failed(body: dict[str, Any]) -> dict[str, int]:
    """Retry failed messages: all of them, or by channel, category, user, batch and time.

    At most 10,000 are retried, the oldest first; if others match, `meta.hasMore` is true: repeat the request.
    """
    retried = manual_retry.retry_failed(body, since=body.pop("since"))
    g.meta = {"limit": manual_retry.RETRY_LIMIT, "hasMore": retried.has_more}
    return {"retried": retried.number}


def _draft(body: dict[str, Any]) -> Draft:
    options = take_options(body)
    return Draft(**(body | {"sender_id": caller().id, "options": options}))
