"""Schemas of preferences, quiet hours and unsubscribe links."""

from __future__ import annotations

from marshmallow import fields

from heidi_common.schemas import timezones
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text
from heidi_common.schemas.validators import Length
from heidi_services.notification.schemas.fields import category_field, channel_field, user_id_field


class ChannelPreferenceSchema(Schema):
    """Whether a category is enabled for a channel. Combinations that are not listed are enabled."""

    category = category_field(required=True)
    channel = channel_field(required=True)
    enabled = fields.Boolean(required=True, truthy={True}, falsy={False})


class QuietHours(Schema):
    """A daily period in the user's time zone. An `end` before `start` is on the next day."""

    start = fields.Time(format="%H:%M", required=True)
    end = fields.Time(format="%H:%M", required=True)
    timezone = Text(
        max=64,
        load_default=None,
        allow_none=True,
        validate=timezones.validate_timezone,
        metadata={"description": "null: the time zone of the user's profile"},
    )


class PreferencesQuery(Schema):
    user_id = user_id_field()


class Preferences(Schema):
    """A request and a response have the same form: a client can write back what it has read."""

    preferences = fields.List(fields.Nested(ChannelPreferenceSchema), required=True, validate=Length(max=200))
    quiet_hours = fields.Nested(QuietHours, load_default=None, allow_none=True)


class SubscriptionOut(Schema):
    category = fields.String(required=True)
    channel = channel_field(required=True)
    subscribed = fields.Boolean(required=True)
