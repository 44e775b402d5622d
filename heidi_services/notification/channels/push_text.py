"""The text of a push message, as long as every push service accepts it.

FCM and APNs accept 4096 bytes, Web Push 3993 before encryption. What else a message contains takes up to 350 bytes.
https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type
https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from heidi_services.notification.channels.graphemes import shorten

MAX_TITLE, MAX_TEXT = 500, 3600
"""Bytes of the title, and of title and body together, as JSON writes them in UTF-8."""


@dataclass(frozen=True, slots=True)
class PushText:
    """A title and a body that fit; `truncated` if one of them ends with an ellipsis instead of its remaining text."""

    title: str
    body: str
    truncated: bool


def push_text(title: str, body: str, *, option_bytes: int = 0) -> PushText:
    """Shorten a title and a body to what every push service accepts.

    Args:
        title: The title.
        body: The text below it.
        option_bytes: What the options of the message take (`PushOptions.size`).
    """
    short_title = shorten(title, MAX_TITLE, json_bytes)
    short_body = shorten(body, MAX_TEXT - option_bytes - json_bytes(short_title), json_bytes)
    return PushText(short_title, short_body, (short_title, short_body) != (title, body))


def json_bytes(text: str) -> int:
    """The bytes of a text within JSON in UTF-8, in which quotation marks and line ends are escaped."""
    return len(orjson.dumps(text)) - 2
