"""Requests and responses of the event log and its dead letters."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime

TYPE_PATTERN = validate.Regexp(
    r"(\*|[a-z_]+(\.[a-z0-9_-]+)*(\.\*)?)\Z", error="Must be a type (user.created) or a pattern (user.*)."
)


class EventFilter(Schema):
    type = Text(max=100, validate=TYPE_PATTERN)
    subject = Text()


class EventLogQuery(PageQuery, EventFilter):
    since = UtcDateTime()
    sort = fields.String(load_default="-position", validate=validate.OneOf(["position", "-position"]))


class LoggedEventOut(Schema):
    id = fields.UUID(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    user_id = fields.UUID(allow_none=True)
    data = fields.Dict(required=True)
    request_id = fields.String(allow_none=True)
    position = fields.Integer(allow_none=True)
    created_at = UtcDateTime(required=True)


class FailureOut(Schema):
    consumer = fields.String(required=True)
    attempts = fields.Integer(required=True)
    last_error = fields.String(allow_none=True)
    created_at = UtcDateTime(required=True)


class DeadLetterOut(Schema):
    """An event with the subscribers that failed to handle it."""

    id = fields.UUID(required=True, attribute="event.id")
    event = fields.Nested(LoggedEventOut)
    failures = fields.List(fields.Nested(FailureOut))


class DeadLetterQuery(Schema):
    """Without a consumer: all subscribers that failed to handle the event."""

    consumer = Text(max=100, load_default=None)


class AffectedSubscribersOut(Schema):
    """How many subscribers the request affected."""

    subscribers = fields.Integer(required=True)


class EventTypeOut(Schema):
    """A type of events, with the JSON Schema and an example of `data`."""

    type = fields.String(required=True)
    version = fields.Integer(
        required=True, metadata={"description": "increases when a member is removed or gets another meaning"}
    )
    description = fields.String(required=True)
    is_request = fields.Boolean(required=True, metadata={"description": "whether the event requests an action"})
    schema = fields.Dict(required=True, metadata={"description": "JSON Schema of `data`"})
    example = fields.Dict(required=True)
