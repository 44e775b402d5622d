"""A person's notifications: listing, reading, hiding; each with its attempts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.database.transactions import expect_version
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import Caller, authenticated, caller, guarded_user
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.problems import Forbidden, Invalid
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification
from heidi_services.notification.schemas import AttemptOut, CountOut, NotificationOut, NotificationQuery, PersonQuery
from heidi_services.notification.service import notifications

READ = ("notifications:read", "notifications:write")
WRITE = "notifications:write"

blp = Blueprint("notifications", __name__, description="Messages to people, and what became of them")


@blp.route("/api/v1/notifications", methods=["GET"])
@guarded_user(scopes=READ)
@blp.arguments(NotificationQuery, location="query")
@blp.response(200, NotificationOut(many=True))
def list_notifications(query: dict[str, Any]) -> Page:
    """One's own, latest first; an ADMIN names somebody else by `userId`."""
    person = _person(query.pop("user_id"))
    paging = {name: query.pop(name) for name in ("limit", "cursor", "total")}
    return notifications.listing(person, query, unread=query.pop("unread"), all_of_them=_sees_all(), **paging)


@blp.route("/api/v1/notifications/<uuid:notification_id>", methods=["GET"])
@guarded_user(scopes=READ)
@documents(IF_NONE_MATCH)
@blp.response(200, NotificationOut)
def get_notification(notification_id: UUID) -> Notification:
    """A notification, for whom it is meant or an ADMIN."""
    found = notifications.look(notification_id, owner=_owner())
    etag(found)
    return found


@blp.route("/api/v1/notifications/<uuid:notification_id>/attempts", methods=["GET"])
@guarded_user(scopes=READ)
@blp.arguments(PageQuery, location="query")
@blp.response(200, AttemptOut(many=True))
def list_attempts(query: dict[str, Any], notification_id: UUID) -> Page:
    """Each attempt to deliver it: when, by which provider, and what came of it."""
    return notifications.attempts(notification_id, owner=_owner(), **query)


@blp.route("/api/v1/notifications/unread-count", methods=["GET"])
@guarded_user(scopes=READ)
@blp.arguments(PersonQuery, location="query")
@blp.response(200, CountOut)
def get_unread_count(query: dict[str, Any]) -> dict[str, int]:
    """How many in-app messages are sent, not read and not hidden."""
    return {"count": notifications.unread_count(_person(query["user_id"]))}


@blp.route("/api/v1/notifications/<uuid:notification_id>/read", methods=["POST"])
@authenticated
@blp.response(204)
def mark_read(notification_id: UUID) -> None:
    """Mark an in-app message as read."""
    notifications.read(notification_id, caller().id)


@blp.route("/api/v1/notifications/<uuid:notification_id>/unread", methods=["POST"])
@authenticated
@blp.response(204)
def mark_unread(notification_id: UUID) -> None:
    """Mark an in-app message as unread again."""
    notifications.unread(notification_id, caller().id)


@blp.route("/api/v1/notifications/read-all", methods=["POST"])
@authenticated
@blp.response(204)
def mark_all_read() -> None:
    """Mark all of one's in-app messages as read."""
    notifications.read_all(caller().id)


@blp.route("/api/v1/notifications/<uuid:notification_id>", methods=["DELETE"])
@guarded_user(scopes=(WRITE,))
@documents(IF_MATCH)
@blp.response(204)
def delete_notification(notification_id: UUID) -> None:
    """Its owner hides an in-app one; its sender or an ADMIN cancels it while it is pending."""
    who = caller()
    found = notifications.get(notification_id, owner=None)
    sender = who.is_admin or found.sender_id == who.id
    if not sender:
        found = notifications.get(notification_id, owner=who.id)
    expect_version(found, if_match())
    if found.user_id == who.id and found.channel == Channel.IN_APP:
        notifications.hide(found)
    elif sender:
        notifications.cancel(found)
    else:
        raise Forbidden("Only an in-app message can be hidden.")


def _sees_all() -> bool:
    who: Caller = caller()
    return who.is_admin or who.kind == "client"


def _owner() -> UUID | None:
    return None if _sees_all() else caller().id


def _person(asked: UUID | None) -> UUID:
    """Whose notifications are meant: one's own, unless one may see others'."""
    who = caller()
    if asked is None:
        if who.kind == "client":
            raise Invalid.field("/query/userId", "A machine has no notifications of its own; say whose.")
        return who.id
    if asked != who.id and not _sees_all():
        raise Forbidden("These are not yours.")
    return asked
