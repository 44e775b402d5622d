"""Unsubscribe links in e-mails (RFC 8058): JSON for programs, a page for browsers. They work without signing in."""

from __future__ import annotations

from flask import Response, request

from heidi_common.channels.registry import CHANNELS
from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_common.pages import PageText, render_page
from heidi_services.notification.schemas.preferences import SubscriptionOut
from heidi_services.notification.service.recipients.unsubscribe import CategorySubscription, read_token, unsubscribe

blp = Blueprint("notification-unsubscribe", __name__, description="Unsubscribe links")

PAGE = """<p>{{ words["on" if subscribed else "off"] }}</p>
<dl><dt>{{ words.category }}</dt><dd><b>{{ category }}</b></dd>
<dt>{{ words.channel }}</dt><dd><b>{{ words.title_of_channel }}</b></dd></dl>
{% if subscribed %}<form method="post"><button>{{ words.title }}</button></form>{% endif %}"""
TRANSLATIONS: PageText = {
    "en": {
        "title": "Unsubscribe",
        "on": "You are subscribed to these messages:",
        "off": "You no longer receive these messages:",
        "category": "Category",
        "channel": "Sent by",
    },
    "de": {
        "title": "Abbestellen",
        "on": "Sie erhalten derzeit diese Nachrichten:",
        "off": "Sie erhalten diese Nachrichten nicht mehr:",
        "category": "Kategorie",
        "channel": "Versand per",
    },
}


def _translations(channel: str) -> PageText:
    """The texts of the page, with the channel's title in each language."""
    titles = CHANNELS[channel].titles
    return {
        language: {**words, "title_of_channel": titles.get(language, titles["en"])}
        for language, words in TRANSLATIONS.items()
    }


@blp.route("/api/v1/notifications/unsubscribe/<token>", methods=["GET"])
@public
@any_query
@blp.response(200, SubscriptionOut)
def show_subscription(token: str) -> CategorySubscription | Response:
    """Show the subscription without changing it, because mail scanners follow links."""
    return _json_or_page(read_token(token))


@blp.route("/api/v1/notifications/unsubscribe/<token>", methods=["POST"])
@public
@any_query
@blp.response(200, SubscriptionOut)
def one_click_unsubscribe(token: str) -> CategorySubscription | Response:
    """Unsubscribe (RFC 8058). The body, `List-Unsubscribe=One-Click`, is not evaluated."""
    return _json_or_page(unsubscribe(token))


def _json_or_page(subscription: CategorySubscription) -> CategorySubscription | Response:
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        return subscription
    response = render_page(
        PAGE,
        _translations(subscription.channel),
        category=subscription.category,
        subscribed=subscription.subscribed,
    )
    response.vary.add("Accept")
    return response
