"""Schemas of the e-mails in the mail sink."""

from __future__ import annotations

from marshmallow import fields

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime


class SunkMailOut(Schema):
    """An e-mail that was stored instead of delivered."""

    id = fields.String(required=True)
    received_at = UtcDateTime(required=True)
    from_ = fields.String(data_key="from", required=True, allow_none=True)
    to = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    recipients = fields.List(fields.String(), required=True, metadata={"description": "the addresses of RCPT TO"})
    size = fields.Integer(required=True, metadata={"description": "bytes"})


class MailHeaderOut(Schema):
    name = fields.String(required=True)
    value = fields.String(required=True)


class MailAttachmentOut(Schema):
    filename = fields.String(required=True, allow_none=True)
    content_type = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "bytes"})


class SunkMailDetailOut(SunkMailOut):
    headers = fields.List(fields.Nested(MailHeaderOut), required=True)
    text = fields.String(required=True, allow_none=True)
    html = fields.String(required=True, allow_none=True)
    attachments = fields.List(fields.Nested(MailAttachmentOut), required=True)
    source = fields.String(required=True)
    is_truncated = fields.Boolean(
        required=True, metadata={"description": "whether `source` has only the first 1,000,000 characters"}
    )
