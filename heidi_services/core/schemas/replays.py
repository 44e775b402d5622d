"""Requests and responses of the replays of past events."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.messaging.subscribers import SUBSCRIBERS
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.validators import Length
from heidi_services.core.models import ReplayStatus
from heidi_services.core.schemas.events import TYPE_PATTERN


class SubscriberOut(Schema):
    name = fields.String(required=True)
    pattern = fields.String(required=True, metadata={"description": "the types of the events that it handles"})


class EventReplayIn(Schema):
    """Either `subscriber` or `integrationId` says who receives the events again."""

    subscriber = fields.String(
        validate=validate.OneOf(list(SUBSCRIBERS), error="Must be one of: {choices}."),
        metadata={"description": "a handler inside the platform; it handles the events again on purpose"},
    )
    integration_id = fields.UUID(
        metadata={"description": "an integration, whose endpoint gets those of its `eventTypes`, with their own IDs"}
    )
    types = fields.List(
        Text(max=100, validate=TYPE_PATTERN),
        load_default=lambda: ["*"],
        validate=Length(min=1, max=50),
        metadata={"description": "event types (user.created) or patterns (user.*)"},
    )
    start = UtcDateTime(data_key="from", required=True, metadata={"description": "inclusive"})
    end = UtcDateTime(
        data_key="to", load_default=None, metadata={"description": "exclusive; default, and latest time: now"}
    )

    @validates_schema
    def has_one_receiver(self, data: dict[str, object], **_: object) -> None:
        if ("subscriber" in data) == ("integration_id" in data):
            raise ValidationError("Provide either `subscriber` or `integrationId`.", "subscriber")


class EventReplayQuery(PageQuery):
    status = fields.String(validate=validate.OneOf([status.value for status in ReplayStatus]))


class EventReplayOut(Schema):
    """A replay and its progress: `replayed` events were handed over, and are `handled`, `failed` or `inFlight`."""

    id = fields.UUID(required=True)
    subscriber = fields.String(allow_none=True)
    integration_id = fields.UUID(allow_none=True)
    types = fields.List(fields.String(), required=True)
    start_at = UtcDateTime(required=True, data_key="from")
    end_at = UtcDateTime(required=True, data_key="to")
    status = fields.String(required=True)
    is_cancel_requested = fields.Boolean(required=True, data_key="cancelRequested")
    total = fields.Integer(
        required=True, allow_none=True, metadata={"description": "events of these types; null before it has started"}
    )
    replayed = fields.Integer(required=True)
    skipped = fields.Integer(
        required=True,
        metadata={"description": "events that the receiver may not get, or has not handled yet"},
    )
    handled = fields.Integer(required=True)
    failed = fields.Integer(
        required=True, metadata={"description": "dead letters, or deliveries whose first attempt has failed"}
    )
    in_flight = fields.Function(lambda replay: len(replay.in_flight), required=True, metadata={"type": "integer"})
    error = fields.String(allow_none=True)
    requested_by = fields.UUID(allow_none=True)
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)
