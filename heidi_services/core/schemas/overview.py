"""Requests and responses of status, overview, charts, search and profile."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.metrics.series import LABELS
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text, UtcDateTime


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


class PeriodQuery(Schema):
    start = UtcDateTime(data_key="from", load_default=None, metadata={"description": "default: one hour before `to`"})
    end = UtcDateTime(data_key="to", load_default=None, metadata={"description": "default: now"})
    step = fields.Integer(
        load_default=None,
        validate=validate.Range(60, 31 * 86_400),
        metadata={"description": "seconds: a multiple of 60, or of 3600 for times more than two days ago"},
    )


class SeriesQuery(PeriodQuery):
    metric = fields.String(required=True, validate=validate.OneOf(list(LABELS)))


class MetricList(fields.Field[list[str]]):
    """Names of metrics in a query, separated by commas. One that is repeated counts once."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        names = list(dict.fromkeys(str(value).split(",")))
        if not set(names) <= set(LABELS):
            raise ValidationError(f"Must be names separated by commas: {', '.join(LABELS)}.")
        return names


_METRIC = f"(?:{'|'.join(LABELS)})"


class ChartsQuery(PeriodQuery):
    metrics = MetricList(
        required=True,
        metadata={
            "type": "string",
            "pattern": f"^(?:{_METRIC}(?:,{_METRIC})*)$",
            "description": "names of metrics, separated by commas",
        },
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
