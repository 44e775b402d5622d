"""What a person wants to hear of: signed in, or by the link in a mail."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template_string, request

from heidi_common.guards import authenticated, caller, public
from heidi_common.http import Blueprint
from heidi_common.parsing import any_query
from heidi_services.notification import models
from heidi_services.notification.schemas import Preferences, SubscriptionOut
from heidi_services.notification.service import preferences
from heidi_services.notification.service.unsubscribe import Subscription, read, unsubscribe

blp = Blueprint("notification-preferences", __name__, description="What is wanted, and when")

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Unsubscribe</title></head><body>
{% if subscribed %}<p>Messages of the kind <b>{{ category }}</b> come to you by {{ channel }}.</p>
<form method="post"><button>Unsubscribe</button></form>{% else %}
<p>Messages of the kind <b>{{ category }}</b> no longer come to you by {{ channel }}.</p>{% endif %}</body></html>"""


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
    muted = [f"{wish['category']}:{wish['channel']}" for wish in body["preferences"] if not wish["enabled"]]
    hours = body["quiet_hours"]
    quiet = (hours["start"], hours["end"]) if hours else None
    zone = hours["timezone"] if hours else None
    return _shown(preferences.put(caller().id, muted, quiet=quiet, timezone=zone))


@blp.route("/api/v1/notifications/unsubscribe/<token>", methods=["GET"])
@public
@any_query
@blp.response(200, SubscriptionOut)
def show_subscription(token: str) -> Subscription | Response:
    """Shows only: mail scanners follow links."""
    return _page_or_data(read(token))


@blp.route("/api/v1/notifications/unsubscribe/<token>", methods=["POST"])
@public
@any_query
@blp.response(200, SubscriptionOut)
def one_click_unsubscribe(token: str) -> Subscription | Response:
    """RFC 8058: the body is `List-Unsubscribe=One-Click`, which says no more than the request does."""
    return _page_or_data(unsubscribe(token))


def _page_or_data(found: Subscription) -> Subscription | Response:
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        return found
    words = {"category": found.category, "channel": found.channel, "subscribed": found.subscribed}
    return Response(render_template_string(_PAGE, **words), mimetype="text/html")


def _shown(row: models.Preferences) -> dict[str, Any]:
    wishes = [word.partition(":") for word in row.muted]
    hours = {"start": row.quiet_start, "end": row.quiet_end, "timezone": row.timezone} if row.quiet_start else None
    muted = [{"category": category, "channel": channel, "enabled": False} for category, _, channel in wishes]
    return {"preferences": muted, "quiet_hours": hours}
