"""Schemas of suppressed addresses."""

from __future__ import annotations

from marshmallow import fields

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_services.notification.enums import Channel
from heidi_services.notification.schemas.fields import enum_field


class SuppressionOut(Schema):
    id = fields.UUID(required=True)
    channel = enum_field(Channel, required=True)
    address = fields.String(required=True)
    reason = fields.String(required=True)
    created_at = UtcDateTime(required=True)


class SuppressionQuery(PageQuery):
    channel = enum_field(Channel)
    address = Text(max=320)
