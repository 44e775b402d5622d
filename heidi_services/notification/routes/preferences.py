"""What a person wants to hear of: muted categories and quiet hours."""

from __future__ import annotations

from typing import Any

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_services.notification import models
from heidi_services.notification.schemas import Preferences
from heidi_services.notification.service import preferences

blp = Blueprint("notification-preferences", __name__, description="What is wanted, and when")


@blp.route("/api/v1/notifications/preferences", methods=["GET"])
@authenticated
@blp.response(200, Preferences)
def get_preferences() -> dict[str, Any]:
    """What a person has muted, and their quiet hours."""
    return _shown(preferences.get(caller().id))


@blp.route("/api/v1/notifications/preferences", methods=["PUT"])
@authenticated
@blp.arguments(Preferences)
@blp.response(200, Preferences)
def put_preferences(body: dict[str, Any]) -> dict[str, Any]:
    """Replace what is muted and the quiet hours; `security` and `critical` cannot be muted."""
    wishes = [preferences.Wish(**wish) for wish in body["preferences"]]
    hours = body["quiet_hours"]
    quiet = (hours["start"], hours["end"]) if hours else None
    zone = hours["timezone"] if hours else None
    return _shown(preferences.put(caller().id, wishes, quiet=quiet, timezone=zone))


def _shown(row: models.Preferences) -> dict[str, Any]:
    wishes = [word.partition(":") for word in row.muted]
    hours = {"start": row.quiet_start, "end": row.quiet_end, "timezone": row.timezone} if row.quiet_start else None
    muted = [{"category": category, "channel": channel, "enabled": False} for category, _, channel in wishes]
    return {"preferences": muted, "quiet_hours": hours}
