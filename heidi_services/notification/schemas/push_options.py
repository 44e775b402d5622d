"""The options of push messages."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields, validate

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text
from heidi_common.schemas.validators import Length, one_line
from heidi_services.notification.channels.push_options import MAX_OPTION_BYTES, MAX_TTL_SECONDS, PushOptions
from heidi_services.notification.enums import Channel
from heidi_services.notification.schemas.fields import printable_ascii

PUSH_FIELDS = ("data", "url", "image", "actions", "ttl", "collapse_key")
_RESERVED = re.compile(
    r"(from|message_type|collapse_key|notificationId|truncated|url|actions|(google|gcm)\b.*)", re.DOTALL
)
"""Keys that FCM rejects, and those that a message has already.

Source: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, `data`.
"""
_WEB_URL = re.compile(r"https://[^\s/?#]+\S*")
_APP_URL = re.compile(r"(?!(http|javascript|data|file|blob|vbscript|about)\b)[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def _web_url(value: str) -> None:
    if not _WEB_URL.fullmatch(value) or not value.isprintable():
        raise ValidationError("Must be a URL that begins with https://.")


def _opened_url(value: str) -> None:
    if not (_WEB_URL.fullmatch(value) or _APP_URL.fullmatch(value)) or not value.isprintable():
        raise ValidationError("Must be a URL that begins with https://, or with the scheme of your app.")


def _permitted_keys(data: dict[str, Any]) -> None:
    for key in data:
        if not 0 < len(key) <= 100 or not key.isprintable():
            raise ValidationError("Keys must have 1 to 100 printable characters.")
        if _RESERVED.fullmatch(key):
            raise ValidationError(f"The key `{key}` is reserved.")


class PushActionIn(Schema):
    """A button of a push message."""

    action = Text(max=50, required=True, validate=printable_ascii)
    title = Text(max=100, required=True, validate=one_line)
    url = Text(max=1000, validate=_opened_url)
    icon = Text(max=1000, validate=_web_url)


class PushOptionsIn(Schema):
    """What a push message has besides its text."""

    data = FreeJson(
        max_bytes=MAX_OPTION_BYTES,
        load_default=None,
        allow_none=True,
        validate=_permitted_keys,
        metadata={"description": "Values for the app. FCM transmits values that are not text as JSON."},
    )
    url = Text(
        max=1000,
        load_default=None,
        allow_none=True,
        validate=_opened_url,
        metadata={"description": "What is opened by a click on a push message"},
    )
    image = Text(
        max=1000,
        load_default=None,
        allow_none=True,
        validate=_web_url,
        metadata={"description": "The URL of an image in a push message"},
    )
    actions = fields.List(
        fields.Nested(PushActionIn),
        load_default=None,
        allow_none=True,
        validate=Length(max=3),
        metadata={"description": "Buttons of a push message. Most browsers show two."},
    )
    ttl = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, MAX_TTL_SECONDS),
        metadata={"description": "Seconds for which push services keep the message while a device is not connected"},
    )
    collapse_key = Text(
        max=64,
        load_default=None,
        allow_none=True,
        validate=printable_ascii,
        metadata={"description": "A later push message with the same key replaces this one."},
    )

    @ma.validates_schema
    def _only_for_push(self, data: dict[str, Any], **_: Any) -> None:
        for name in PUSH_FIELDS:
            if data.get(name) is not None and data["channel"] != Channel.PUSH:
                key = self.fields[name].data_key or name
                raise ValidationError("Only messages of the channel PUSH support this field.", key)

    @ma.validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        size = PushOptions.from_json(push_options(data)).size
        if size > MAX_OPTION_BYTES:
            name = next(name for name in PUSH_FIELDS if data.get(name) is not None)
            detail = f"The options of a push message must have at most {MAX_OPTION_BYTES} bytes, but have {size}."
            raise ValidationError(detail, name)


def push_options(body: dict[str, Any]) -> dict[str, Any]:
    """The options of a request as the row stores them. `ttl` may be 0."""
    values = {name: body.get(name) for name in PUSH_FIELDS}
    values["collapseKey"] = values.pop("collapse_key")
    return {name: value for name, value in values.items() if value or (value == 0 and name == "ttl")}
