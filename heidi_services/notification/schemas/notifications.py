"""Schemas of a user's notifications and their attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_services.notification.enums import NotificationStatus, NotificationType
from heidi_services.notification.schemas.fields import (
    IsTruncated,
    SegmentCount,
    category_field,
    channel_field,
    enum_field,
)
from heidi_services.notification.schemas.stored_options import (
    StoredActions,
    StoredMembers,
    StoredNumber,
    StoredText,
    StoredTexts,
)


class AttachmentOut(Schema):
    file_id = fields.UUID(required=True)
    name = fields.String(required=True)
    content_type = fields.String(required=True)
    bytes = fields.Integer(required=True)
    is_link = fields.Boolean(
        required=True, metadata={"description": "Whether the e-mail contains a link, because the file is too large"}
    )
    expires_at = UtcDateTime(
        required=True, allow_none=True, metadata={"description": "When the link ends; null: it does not"}
    )


class AttachmentList(fields.List[Any]):
    """The files of an e-mail, as the row stores them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(AttachmentOut), **options)

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:
        return [_attachment(record) for record in obj.attachments or ()]


def _attachment(record: dict[str, Any]) -> dict[str, Any]:
    expires_at = record.get("expiresAt")
    return {
        "file_id": record["fileId"],
        "name": record["name"],
        "content_type": record["contentType"],
        "bytes": record["bytes"],
        "is_link": "linkId" in record,
        "expires_at": datetime.fromisoformat(expires_at) if expires_at else None,
    }


class NotificationOut(Schema):
    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    type = enum_field(NotificationType, required=True)
    channel = channel_field(required=True)
    category = fields.String(required=True)
    batch_id = fields.UUID(required=True, allow_none=True)
    template = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    content = fields.String(
        required=True, allow_none=True, metadata={"description": "null while the text contains secrets"}
    )
    html = fields.String(required=True, allow_none=True, metadata={"description": "The HTML part of an e-mail"})
    from_ = StoredText("from")
    reply_to = StoredText("replyTo")
    cc = StoredTexts("cc")
    data = StoredMembers("data")
    url = StoredText("url")
    image = StoredText("image")
    actions = StoredActions("actions")
    ttl = StoredNumber("ttl")
    collapse_key = StoredText("collapseKey")
    segments = SegmentCount(required=True)
    truncated = IsTruncated(required=True)
    metadata = fields.Dict(attribute="extra", required=True, allow_none=True)
    attachments = AttachmentList(required=True)
    status = enum_field(NotificationStatus, required=True)
    scheduled_for = UtcDateTime(required=True, allow_none=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    sent_at = UtcDateTime(required=True, allow_none=True)
    delivered_at = UtcDateTime(required=True, allow_none=True)
    read_at = UtcDateTime(required=True, allow_none=True)
    failure_reason = fields.String(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    next_attempt_at = UtcDateTime(
        attribute="due_at", required=True, allow_none=True, metadata={"description": "null unless `status` is PENDING"}
    )
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class NotificationQuery(PageQuery):
    user_id = fields.UUID(load_default=None)
    status = enum_field(NotificationStatus)
    channel = channel_field()
    type = enum_field(NotificationType)
    category = category_field()
    batch_id = fields.UUID()
    template = Text(max=100)
    since = UtcDateTime(metadata={"description": "only notifications that were created at this time or later"})
    unread = fields.Boolean(load_default=False)
    scope = fields.String(
        load_default="own",
        validate=validate.OneOf(["own", "all"]),
        metadata={"description": "`all`: the notifications of all users, by ID, newest first (ADMIN)"},
    )


class NotificationUserQuery(Schema):
    user_id = fields.UUID(load_default=None)


class CountOut(Schema):
    count = fields.Integer(required=True)


class AttemptOut(Schema):
    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    provider = fields.String(required=True)
    outcome = fields.String(required=True)
    ambiguous = fields.Boolean(required=True)
    code = fields.String(required=True, allow_none=True)
    provider_id = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    response = fields.String(
        required=True, allow_none=True, metadata={"description": "The provider's text about a message that it accepted"}
    )
    started_at = UtcDateTime(required=True)
    duration_ms = fields.Integer(required=True)
