"""Schemas of sending: one message, bulk messages, and retries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields

from heidi_common.identity.models import Role
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.locales import LocaleTag
from heidi_common.schemas.validators import Length
from heidi_services.notification.enums import Channel, NotificationType
from heidi_services.notification.schemas.fields import category_field, channel_field, enum_field
from heidi_services.notification.schemas.message_options import EmailOptionsIn
from heidi_services.notification.schemas.push_options import PushOptionsIn

MAX_ATTACHMENTS = 20


def _unique(values: Sequence[Any]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("Must not contain a value twice.")


class MessageIn(EmailOptionsIn, PushOptionsIn):
    """A message, as `content` or as a template with variables."""

    channel = channel_field(required=True)
    type = enum_field(NotificationType, load_default=NotificationType.INFO)
    category = category_field(load_default=None, allow_none=True)
    subject = Text(load_default=None, allow_none=True)
    content = Text(max=100_000, load_default=None, allow_none=True)
    template = Text(max=100, load_default=None, allow_none=True)
    variables = FreeJson(max_bytes=32_768, load_default=dict)
    locale = LocaleTag(load_default=None, allow_none=True)
    metadata = FreeJson(load_default=None, allow_none=True)
    attachments = fields.List(
        fields.UUID(),
        load_default=None,
        allow_none=True,
        validate=[Length(max=MAX_ATTACHMENTS), _unique],
        metadata={
            "description": "IDs of files that are sent with an e-mail. Those that exceed 10 MiB together become links."
        },
    )
    scheduled_for = UtcDateTime(load_default=None, allow_none=True)
    expires_at = UtcDateTime(load_default=None, allow_none=True)

    @ma.validates_schema
    def _content_or_template(self, data: dict[str, Any], **_: Any) -> None:
        if data["content"] is None and data["template"] is None and data["html"] is None:
            raise ValidationError("Specify either `content` or `template`.", "content")
        if data["content"] is not None and data["template"] is not None:
            raise ValidationError("Specify either `content` or `template`, not both.", "template")
        if data["variables"] and data["template"] is None:
            raise ValidationError("`variables` is only supported with `template`.", "variables")

    @ma.validates_schema
    def _email_has_attachments(self, data: dict[str, Any], **_: Any) -> None:
        if data["attachments"] and data["channel"] != Channel.EMAIL:
            raise ValidationError("Only messages of the channel EMAIL can have attachments.", "attachments")

    @ma.validates_schema
    def _expires_after_delivery(self, data: dict[str, Any], **_: Any) -> None:
        delivery_at = max(data["scheduled_for"] or datetime.min.replace(tzinfo=UTC), datetime.now(UTC))
        if data["expires_at"] is not None and data["expires_at"] <= delivery_at:
            raise ValidationError("`expiresAt` must be after the delivery time.", "expiresAt")


class NotificationIn(MessageIn):
    user_id = fields.UUID(required=True)


class AudienceFilterIn(Schema):
    role = enum_field(Role, load_default=None)
    is_active = fields.Boolean(load_default=None, truthy={True}, falsy={False})


class BulkIn(MessageIn):
    user_ids = fields.List(fields.UUID(), load_default=None, validate=Length(1, 1000))
    filter = fields.Nested(AudienceFilterIn, load_default=None)

    @ma.validates_schema
    def _user_ids_or_filter(self, data: dict[str, Any], **_: Any) -> None:
        for name in ("cc", "bcc"):
            if data[name]:
                raise ValidationError("Each message would have these copies: send it to a single user.", name)
        if (data["user_ids"] is None) == (data["filter"] is None):
            raise ValidationError("Specify either `userIds` or `filter`.", "userIds")


class BatchAcceptedOut(Schema):
    batch_id = fields.UUID(attribute="id", required=True)
    accepted = fields.Integer(required=True)
    skipped = fields.List(
        fields.UUID(),
        required=True,
        metadata={"description": "The IDs in `userIds` for which no user exists; nothing is sent to them"},
    )
    segments = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Segments of each SMS (the most, if it depends on the locale); null: another channel"},
    )


class BatchOut(Schema):
    id = fields.UUID(required=True)
    accepted = fields.Integer(required=True)
    created_at = UtcDateTime(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class RetryIn(Schema):
    channel = channel_field()
    category = category_field()
    user_id = fields.UUID()
    batch_id = fields.UUID()
    since = UtcDateTime(load_default=None)


class RetryMeta(Schema):
    limit = fields.Integer(required=True)
    has_more = fields.Boolean(
        required=True, metadata={"description": "whether further messages match, which were not retried"}
    )


class RetryCountOut(Schema):
    envelope_meta = RetryMeta

    retried = fields.Integer(required=True)
