"""Schemas of requests and responses."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.messaging.subscribers import SUBSCRIBERS
from heidi_common.metrics.series import LABELS
from heidi_common.operations.registry import OPERATIONS
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import Length
from heidi_services.core.graphql.limits import MAX_CHARACTERS
from heidi_services.core.models import OperationStatus, ReplayStatus

_TYPE = validate.Regexp(
    r"(\*|[a-z_]+(\.[a-z0-9_-]+)*(\.\*)?)\Z", error="Must be a type (user.created) or a pattern (user.*)."
)


class EventFilter(Schema):
    type = Text(max=100, validate=_TYPE)
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

    id = fields.UUID(attribute="event.id")
    event = fields.Nested(LoggedEventOut)
    failures = fields.List(fields.Nested(FailureOut))


class DeadLetterQuery(Schema):
    """Without a consumer: all subscribers that failed to handle the event."""

    consumer = Text(max=100, load_default=None)


class AffectedSubscribersOut(Schema):
    """How many subscribers the request affected."""

    subscribers = fields.Integer(required=True)


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
        Text(max=100, validate=_TYPE),
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


class ComponentStatusOut(Schema):
    """Latency, error, `dependencies` and `seenBy` are only sent to an ADMIN."""

    name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["up", "degraded", "down"]))
    latency_ms = fields.Float(allow_none=True)
    error = fields.String(allow_none=True)
    dependencies = fields.Dict()
    seen_by = fields.Dict()


class WorkersStatusOut(Schema):
    """The workers. All but the status is only sent to an ADMIN."""

    status = fields.String(
        required=True,
        validate=validate.OneOf(["up", "degraded", "down"]),
        metadata={"description": "degraded: all threads of a worker have been busy for ten seconds or more"},
    )
    threads = fields.Integer()
    busy = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata={"description": "busy threads by queue"})
    detail = fields.String()


class StatusOut(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["up", "degraded", "down"]))
    services = fields.List(fields.Nested(ComponentStatusOut), required=True)
    dependencies = fields.List(fields.Nested(ComponentStatusOut), required=True)
    workers = fields.Nested(
        WorkersStatusOut, allow_none=True, metadata={"description": "null if none has run within a day"}
    )


class OverviewOut(Schema):
    """A part is null if its service did not respond; `meta.unavailable` names the service.

    `meta.estimates` names the counts above 10,000, such as `users.total`, which are estimates.
    """

    users = fields.Dict(allow_none=True)
    cities = fields.Dict(allow_none=True)
    schedules = fields.Dict(allow_none=True)
    integrations = fields.Dict(allow_none=True)
    notifications = fields.Dict(required=True)
    events = fields.Dict(required=True)
    as_of = fields.String(required=True)


def _not_blank(text: str) -> None:
    if not text.strip():
        raise ValidationError("Enter a part of a name, an ID, or an event type.")


class SearchQuery(Schema):
    q = Text(
        max=100,
        required=True,
        validate=_not_blank,
        metadata={"description": "a part of a name, an ID, or an event type"},
    )


class HitOut(Schema):
    """A result of a search: at most five of each kind."""

    kind = fields.String(
        required=True,
        metadata={"description": "user, city, message, schedule, integration, operation, event or eventType"},
    )
    id = fields.String(required=True)
    title = fields.String(required=True)
    detail = fields.String(required=True, allow_none=True)
    link = fields.String(required=True, metadata={"description": "URL of the result in the API"})


class SeriesQuery(Schema):
    metric = fields.String(required=True, validate=validate.OneOf(list(LABELS)))
    start = UtcDateTime(data_key="from", load_default=None, metadata={"description": "default: one hour before `to`"})
    end = UtcDateTime(data_key="to", load_default=None, metadata={"description": "default: now"})
    step = fields.Integer(
        load_default=None,
        validate=validate.Range(60, 31 * 86_400),
        metadata={"description": "seconds: a multiple of 60, or of 3600 for times more than two days ago"},
    )


class SeriesOut(Schema):
    """The values of one combination of labels, one for each of `times`."""

    labels = fields.Dict(required=True)
    values = fields.List(fields.Integer(allow_none=True), required=True)


class ChartOut(Schema):
    """A metric over time. `times` are the beginnings of its steps; a series without amounts is left out."""

    metric = fields.String(required=True)
    start = UtcDateTime(data_key="from", required=True)
    end = UtcDateTime(data_key="to", required=True)
    step = fields.Integer(required=True, metadata={"description": "length of a step in seconds"})
    times = fields.List(UtcDateTime(), required=True)
    series = fields.List(fields.Nested(SeriesOut), required=True)


class ProfileMeta(Schema):
    unavailable = fields.List(fields.String(), required=True, metadata={"description": "services without response"})
    truncated = fields.List(
        fields.String(),
        metadata={"description": "parts of which only the first items are shown; absent if there are none"},
    )


class ProfileOut(Schema):
    """A part is null if its service did not respond; `meta.unavailable` names the service."""

    envelope_meta = ProfileMeta

    user = fields.Dict(allow_none=True)
    unread_count = fields.Integer(allow_none=True)
    recent_notifications = fields.List(fields.Dict(), allow_none=True)
    integrations = fields.List(fields.Dict(), allow_none=True)
    sessions = fields.List(fields.Dict(), allow_none=True)


class OperationIn(Schema):
    type = fields.String(required=True, validate=validate.OneOf(OPERATIONS))
    input = FreeJson(required=True, max_bytes=65_536)


class OperationTypeOut(Schema):
    """A kind of operation. `scopes` are those that a machine client needs whose schedule requests it."""

    type = fields.String(required=True)
    description = fields.String(required=True)
    input = fields.Dict(required=True, metadata={"description": "JSON schema of the input"})
    steps = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)


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


class OperationQuery(PageQuery):
    type = fields.String(validate=validate.OneOf(OPERATIONS))
    status = fields.String(validate=validate.OneOf([status.value for status in OperationStatus]))


class OperationOut(Schema):
    id = fields.UUID(required=True)
    type = fields.String(required=True)
    status = fields.String(required=True)
    input = fields.Dict(required=True)
    steps = fields.List(fields.Dict(), required=True)
    error = fields.String(allow_none=True)
    requested_by = fields.UUID(allow_none=True)
    attempts = fields.Integer(required=True)
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class GraphQLIn(Schema):
    """A request of GraphQL over HTTP. `documentId` or `extensions.persistedQuery` can replace `query`."""

    query = Text(max=MAX_CHARACTERS, allow_none=True)
    document_id = Text(allow_none=True, metadata={"description": "`sha256:` and the hash of a kept document"})
    operation_name = Text(allow_none=True)
    variables = FreeJson(max_bytes=1_048_576, allow_none=True)
    extensions = FreeJson(allow_none=True)


class GraphQLOut(ma.Schema):
    """The response of GraphQL has no `meta`."""

    bare = True
    data = fields.Dict(allow_none=True)
    errors = fields.List(fields.Dict())
