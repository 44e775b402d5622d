"""Schemas of what clients send."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_services.core.schemas.events import EventFilter

OPERATIONS = ("authenticate", "subscribe", "resume", "unsubscribe", "ping")
MAX_POSITION = 10**18


class ClientMessage(Schema):
    """A message of a client. `ref` is repeated in the response."""

    op = fields.String(required=True, validate=validate.OneOf(OPERATIONS))
    ref = Text(max=100, load_default=None)
    token = fields.String(load_default=None, validate=validate.Length(1, 8000))
    channel = Text(max=200, load_default=None)
    last_event_id = fields.Integer(load_default=None, strict=True, validate=validate.Range(0, MAX_POSITION))


class ResumeQuery(Schema):
    """The ID of the last message that a client has received."""

    last_event_id = fields.Integer(load_default=None, validate=validate.Range(0, MAX_POSITION))


class EventsQuery(ResumeQuery, EventFilter):
    """A subscription to the event log."""


class StartOut(Schema):
    """Where a channel starts, as a stream of Server-Sent Events does."""

    position = fields.Integer(required=True)
    requested = fields.Integer(allow_none=True)
    reason = fields.String(allow_none=True)


class SocketSessionOut(Schema):
    """The caller who has opened a socket."""

    id = fields.UUID(required=True)
    is_admin = fields.Boolean(required=True)
    expires_at = UtcDateTime(required=True)
    address = fields.String(required=True, allow_none=True)
