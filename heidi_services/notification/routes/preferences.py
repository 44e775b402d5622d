"""A user's own preferences: muted categories and quiet hours."""

from __future__ import annotations

from typing import Any

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_services.notification.models import NotificationPreferences
from heidi_services.notification.schemas.preferences import Preferences
from heidi_services.notification.service import preferences
from heidi_services.notification.service.preferences import ChannelPreference

blp = Blueprint("notification-preferences", __name__, description="Muted categories and quiet hours")


@blp.route("/api/v1/notifications/preferences", methods=["GET"])
@authenticated
@blp.response(200, Preferences)
def get_preferences() -> dict[str, Any]:
    """Read your muted categories and quiet hours."""
    return _serialize(preferences.get(caller().id))


@blp.route("/api/v1/notifications/preferences", methods=["PUT"])
@authenticated
@blp.arguments(Preferences)
@blp.response(200, Preferences)
def put_preferences(body: dict[str, Any]) -> dict[str, Any]:
    """Replace your muted categories and quiet hours. `security` and `critical` cannot be muted."""
    channel_preferences = [ChannelPreference(**item) for item in body["preferences"]]
    hours = body["quiet_hours"]
    quiet_hours = (hours["start"], hours["end"]) if hours else None
    timezone = hours["timezone"] if hours else None
    row = preferences.replace(caller().id, channel_preferences, quiet_hours=quiet_hours, timezone=timezone)
    return _serialize(row)


def _serialize(row: NotificationPreferences) -> dict[str, Any]:
    keys = [key.partition(":") for key in row.muted]
    muted = [{"category": category, "channel": channel, "enabled": False} for category, _, channel in keys]
    hours = {"start": row.quiet_start, "end": row.quiet_end, "timezone": row.timezone} if row.quiet_start else None
    return {"preferences": muted, "quiet_hours": hours}
