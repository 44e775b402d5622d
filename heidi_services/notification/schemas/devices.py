"""Schemas of the devices that receive push notifications."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.validators import Length, callable_url
from heidi_services.notification.schemas.fields import base64url_bytes, printable_ascii, user_id_field
from heidi_services.notification.schemas.push_tokens import fcm_token, public_key


class DeviceKeys(Schema):
    p256dh = Text(required=True, validate=[base64url_bytes(65), public_key])
    auth = Text(required=True, validate=base64url_bytes(16))


class PushSubscription(Schema):
    """The result of `PushManager.subscribe()` in a browser."""

    endpoint = fields.Url(
        schemes={"https"},
        require_tld=False,
        required=True,
        validate=[Length(max=2000), printable_ascii, callable_url],
    )
    expiration_time = fields.Integer(allow_none=True)
    keys = fields.Nested(DeviceKeys, required=True)


class DeviceQuery(PageQuery):
    user_id = user_id_field()


class DeviceIn(Schema):
    token = Text(max=2000, load_default=None, validate=[printable_ascii, fcm_token])
    subscription = fields.Nested(PushSubscription, load_default=None)
    label = Text(max=100, load_default=None, allow_none=True)

    @ma.validates_schema
    def _token_or_subscription(self, data: dict[str, Any], **_: Any) -> None:
        if (data["token"] is None) == (data["subscription"] is None):
            raise ValidationError("Specify either `token` (FCM) or `subscription` (Web Push).", "token")


class DeviceOut(Schema):
    """A device without its token: anyone who has the token can send push notifications to the device."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    label = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class PushKeyOut(Schema):
    """The key that a browser needs to subscribe."""

    public_key = fields.String(
        metadata={"description": "The VAPID public key in base64url, for `pushManager.subscribe`."}
    )
