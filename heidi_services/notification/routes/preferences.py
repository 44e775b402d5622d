"""A user's own preferences: muted categories and quiet hours."""

from __future__ import annotations

from typing import Any

from heidi_common.database.transactions import transaction
from heidi_common.interceptors.conditional import content_tag, expect_content, set_etag
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.data_subject import readable_user
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.notification.models import NotificationPreferences
from heidi_services.notification.schemas.preferences import Preferences, PreferencesQuery
from heidi_services.notification.service.recipients import preferences
from heidi_services.notification.service.recipients.preferences import ChannelPreference

blp = Blueprint("notification-preferences", __name__, description="Muted categories and quiet hours")


@blp.route("/api/v1/notifications/preferences", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.arguments(PreferencesQuery, location="query")
@blp.response(200, Preferences)
def get_preferences(query: dict[str, Any]) -> dict[str, Any]:
    """Read your muted categories and quiet hours, or (ADMIN) those of another user."""
    row = preferences.get(readable_user(query["user_id"]))
    set_etag(content_tag(_content(row)))
    return _serialize(row)


@blp.route("/api/v1/notifications/preferences", methods=["PUT"])
@authenticated
@documents(IF_MATCH)
@blp.arguments(Preferences)
@blp.response(200, Preferences)
def put_preferences(body: dict[str, Any]) -> dict[str, Any]:
    """Replace your muted categories and quiet hours. `security` and `critical` cannot be muted. Honors `If-Match`."""
    channel_preferences = [ChannelPreference(**item) for item in body["preferences"]]
    hours = body["quiet_hours"]
    quiet_hours = (hours["start"], hours["end"]) if hours else None
    timezone = hours["timezone"] if hours else None
    with transaction():
        expect_content(_content(preferences.lock(caller().id)))
        row = preferences.replace(caller().id, channel_preferences, quiet_hours=quiet_hours, timezone=timezone)
    set_etag(content_tag(_content(row)))
    return _serialize(row)


def _content(row: NotificationPreferences) -> bytes:
    """What the ETag depends on: the values that a client can read."""
    return repr((row.user_id, row.muted, row.quiet_start, row.quiet_end, row.timezone)).encode()


def _serialize(row: NotificationPreferences) -> dict[str, Any]:
    keys = [key.partition(":") for key in row.muted]
    muted = [{"category": category, "channel": channel, "enabled": False} for category, _, channel in keys]
    hours = {"start": row.quiet_start, "end": row.quiet_end, "timezone": row.timezone} if row.quiet_start else None
    return {"preferences": muted, "quiet_hours": hours}
