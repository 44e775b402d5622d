"""The link in a mail that silences a category without signing in (RFC 8058): data for programs, a page for people."""

from __future__ import annotations

from flask import Response, request

from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_common.pages import PageText, render_page
from heidi_services.notification.schemas import SubscriptionOut
from heidi_services.notification.service.unsubscribe import Subscription, read, unsubscribe

blp = Blueprint("notification-unsubscribe", __name__, description="What is wanted, and when")

PAGE = """<p>{{ words["on" if subscribed else "off"] }}</p>
<dl><dt>{{ words.category }}</dt><dd><b>{{ category }}</b></dd>
<dt>{{ words.channel }}</dt><dd><b>{{ words[channel] }}</b></dd></dl>
{% if subscribed %}<form method="post"><button>{{ words.title }}</button></form>{% endif %}"""
WORDS: PageText = {
    "en": {
        "title": "Unsubscribe",
        "on": "You get these messages:",
        "off": "You no longer get these messages:",
        "category": "Kind",
        "channel": "By",
        "EMAIL": "e-mail",
        "SMS": "text message",
        "PUSH": "push message",
        "IN_APP": "message in the app",
    },
    "de": {
        "title": "Abbestellen",
        "on": "Sie bekommen diese Nachrichten:",
        "off": "Sie bekommen diese Nachrichten nicht mehr:",
        "category": "Art",
        "channel": "Per",
        "EMAIL": "E-Mail",
        "SMS": "SMS",
        "PUSH": "Push-Nachricht",
        "IN_APP": "Nachricht in der App",
    },
}


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
    response = render_page(PAGE, WORDS, category=found.category, channel=found.channel, subscribed=found.subscribed)
    response.vary.add("Accept")
    return response
