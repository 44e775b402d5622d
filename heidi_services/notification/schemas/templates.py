"""Schemas of templates, their versions and previews."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.locales import LocaleTag
from heidi_common.schemas.validators import one_line
from heidi_services.notification.schemas.fields import SegmentCount, category_field, channel_field

_NAME = validate.Regexp(
    r"[a-z0-9][a-z0-9._-]{0,99}\Z",
    error="Must start with a lower-case letter or a digit and contain only lower-case letters, digits, dot, - and _"
    " (at most 100).",
)


_TEXTS = ("subject", "body", "html")


class TemplateFields(Schema):
    subject = Text(max=1000, allow_none=True, validate=one_line)
    body = Text(max=64_000)
    html = Text(max=64_000, allow_none=True)
    category = category_field(allow_none=True)


class TemplateIn(TemplateFields):
    name = Text(max=100, required=True, validate=_NAME)
    channel = channel_field(required=True)
    locale = LocaleTag(load_default="en")
    body = Text(max=64_000, required=True)


class TemplateOut(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    channel = channel_field(required=True)
    locale = fields.String(required=True)
    category = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, metadata={"description": "Number of the current version"})
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    html = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class TemplateVersionOut(Schema):
    version = fields.Integer(attribute="number", required=True)
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    html = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)


class TemplateQuery(PageQuery):
    name = Text(max=100)
    channel = channel_field()
    locale = LocaleTag()


class TemplatePreviewIn(Schema):
    variables = FreeJson(max_bytes=32_768, load_default=dict)
    locale = LocaleTag(
        load_default=None,
        allow_none=True,
        metadata={"description": "The recipient's locale, for dates, numbers and money. Default: the template's."},
    )


class TemplateTextPreviewIn(TemplatePreviewIn):
    """Variables, and texts that are not saved yet. A text that is left out is that of the current version."""

    subject = Text(max=1000, allow_none=True, validate=one_line)
    body = Text(max=64_000)
    html = Text(max=64_000, allow_none=True)


class TemplatePreviewOut(Schema):
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(attribute="content", required=True)
    html = fields.String(required=True, allow_none=True)
    segments = SegmentCount()
    truncated = fields.Boolean(
        metadata={"description": "Whether the text of the push message is shortened; it is shown as it is sent"}
    )

    @ma.post_dump
    def _remove_fields_of_other_channels(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """`segments` is for SMS and `truncated` for push messages."""
        return {name: value for name, value in data.items() if name in _TEXTS or value is not None}
