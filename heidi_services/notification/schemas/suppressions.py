"""Schemas of suppressed addresses."""

from __future__ import annotations

from datetime import UTC, datetime

from marshmallow import ValidationError, fields

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.validators import one_line
from heidi_services.notification.enums import MANUAL
from heidi_services.notification.schemas.fields import channel_field

_REASON = "bounced, unknown_address, stop, complaint, unsubscribed, manual, or the text of an administrator"


def _in_future(instant: datetime) -> None:
    if instant <= datetime.now(UTC):
        raise ValidationError("Must be in the future.")


class SuppressionIn(Schema):
    channel = channel_field(required=True)
    address = Text(max=320, required=True)
    reason = Text(max=200, load_default=MANUAL, validate=one_line)
    expires_at = UtcDateTime(load_default=None, allow_none=True, validate=_in_future)


class SuppressionOut(Schema):
    id = fields.UUID(required=True)
    channel = channel_field(required=True)
    address = fields.String(required=True)
    reason = fields.String(required=True, metadata={"description": _REASON})
    detail = fields.String(
        required=True, allow_none=True, metadata={"description": "The provider's text, such as a server's response"}
    )
    expires_at = UtcDateTime(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)


class SuppressionQuery(PageQuery):
    channel = channel_field()
    address = Text(max=320)
    reason = Text(max=200)
