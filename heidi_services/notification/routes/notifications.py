"""A user's notifications: list, read, hide and cancel them, and list their attempts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import g

from heidi_common.database.pagination import Page
from heidi_common.database.totals import Total
from heidi_common.database.transactions import expect_version
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.conditional import etag, if_match, tagged
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guarded_user
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.problems import Forbidden, Invalid
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification
from heidi_services.notification.schemas.notifications import (
    AttemptOut,
    CountOut,
    NotificationOut,
    NotificationQuery,
    NotificationUserQuery,
)
from heidi_services.notification.service import notifications, queries
from heidi_services.notification.service.all_notifications import list_all

READ = (Scope.NOTIFICATIONS_READ, Scope.NOTIFICATIONS_WRITE)
WRITE = Scope.NOTIFICATIONS_WRITE

blp = Blueprint("notifications", __name__, description="Users' notifications and the attempts to deliver them")


@blp.route("/api/v1/notifications", methods=["GET"])
@guarded_user(scopes=READ)
@blp.arguments(NotificationQuery, location="query")
@blp.response(200, NotificationOut(many=True))
def list_notifications(query: dict[str, Any]) -> Page:
    """List your own notifications, latest first.

    An ADMIN can specify another user as `userId`, or list those of all users with `scope=all`.
    """
    paging = {name: query.pop(name) for name in ("limit", "cursor", "total")}
    requested, scope = query.pop("user_id"), query.pop("scope")
    if scope == "all" and not caller().is_admin:
        raise Forbidden("Only an ADMIN can list the notifications of all users (`scope=all`).")
    if scope == "all" and requested is None:
        return list_all(query, **paging)
    return queries.list_notifications(_requested_user(requested), query, include_hidden=_sees_all(), **paging)


@blp.route("/api/v1/notifications/<uuid:notification_id>", methods=["GET"])
@guarded_user(scopes=READ)
@documents(IF_NONE_MATCH)
@blp.response(200, NotificationOut)
def get_notification(notification_id: UUID) -> Notification:
    """A notification, for its recipient or an ADMIN."""
    notification = queries.get_visible(notification_id, owner=_owner())
    etag(notification)
    return notification


@blp.route("/api/v1/notifications/<uuid:notification_id>/attempts", methods=["GET"])
@guarded_user(scopes=READ)
@blp.arguments(PageQuery, location="query")
@blp.response(200, AttemptOut(many=True))
def list_attempts(query: dict[str, Any], notification_id: UUID) -> Page:
    """List the attempts to deliver a notification: time, provider and outcome of each."""
    return queries.list_attempts(notification_id, owner=_owner(), **query)


@blp.route("/api/v1/notifications/unread-count", methods=["GET"])
@guarded_user(scopes=READ)
@documents(IF_NONE_MATCH)
@tagged
@blp.arguments(NotificationUserQuery, location="query")
@blp.response(200, CountOut)
def get_unread_count(query: dict[str, Any]) -> Total:
    """The number of in-app messages that have arrived and are neither read nor hidden.

    Above 10,000 it is an estimate, and `meta.countIsEstimate` is true.
    """
    total = queries.unread_count(_requested_user(query["user_id"]))
    g.meta = {"countIsEstimate": total.is_estimate}
    return total


@blp.route("/api/v1/notifications/<uuid:notification_id>/read", methods=["POST"])
@authenticated
@blp.response(204)
def mark_read(notification_id: UUID) -> None:
    """Mark an in-app message as read."""
    notifications.mark_read(notification_id, caller().id)


@blp.route("/api/v1/notifications/<uuid:notification_id>/unread", methods=["POST"])
@authenticated
@blp.response(204)
def mark_unread(notification_id: UUID) -> None:
    """Mark an in-app message as unread."""
    notifications.mark_unread(notification_id, caller().id)


@blp.route("/api/v1/notifications/read-all", methods=["POST"])
@authenticated
@blp.response(204)
def mark_all_read() -> None:
    """Mark all your in-app messages as read."""
    notifications.mark_all_read(caller().id)


@blp.route("/api/v1/notifications/<uuid:notification_id>", methods=["DELETE"])
@guarded_user(scopes=(WRITE,))
@documents(IF_MATCH)
@blp.response(204)
def delete_notification(notification_id: UUID) -> None:
    """Hide an in-app message (its recipient), or cancel a pending message (its sender or an ADMIN)."""
    requested_by = caller()
    notification = queries.get(notification_id, owner=None)
    may_cancel = requested_by.is_admin or notification.sender_id == requested_by.id
    if not may_cancel:
        notification = queries.get(notification_id, owner=requested_by.id)
    expect_version(notification, if_match())
    if notification.user_id == requested_by.id and notification.channel == Channel.IN_APP:
        notifications.hide(notification)
    elif may_cancel:
        notifications.cancel(notification)
    else:
        raise Forbidden("You can only hide in-app messages.")


def _sees_all() -> bool:
    return caller().is_admin or caller().kind == "client"


def _owner() -> UUID | None:
    return None if _sees_all() else caller().id


def _requested_user(user_id: UUID | None) -> UUID:
    """The user of `?userId=`, which only an ADMIN or a machine client may choose; by default the caller."""
    if user_id is None:
        if caller().kind == "client":
            raise Invalid.field("/query/userId", "Machine clients must specify `userId`.")
        return caller().id
    if user_id != caller().id and not _sees_all():
        raise Forbidden("You can only access your own notifications.")
    return user_id
