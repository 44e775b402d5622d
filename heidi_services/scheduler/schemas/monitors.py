"""Requests and responses of the endpoints of monitors."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.runtime import current_settings
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.scheduler.enums import MonitorStatus, PingKind
from heidi_services.scheduler.schemas.fields import DAY, LONGEST_EXPRESSION, OnFailure, one_of


class MonitorBase(Schema):
    """The fields that a client can set. The defaults apply to POST only."""

    name = Text(max=120, required=True, validate=not_blank)
    description = Text(max=1000, allow_none=True)
    every = Text(
        max=40,
        allow_none=True,
        metadata={"description": "expected time between two pings, an ISO 8601 duration: PT1M to P366D"},
    )
    cron_expression = Text(
        max=LONGEST_EXPRESSION, allow_none=True, metadata={"description": "when pings are expected; or `every`"}
    )
    timezone = Text(max=64, load_default="UTC", metadata={"description": "the time zone of `cronExpression`"})
    grace_seconds = fields.Integer(load_default=3600, strict=True, validate=validate.Range(1, 366 * DAY))
    recipients = fields.List(
        fields.Nested(OnFailure),
        allow_none=True,
        validate=validate.Length(max=10),
        metadata={"description": "who is notified; by default the user who creates the monitor, by e-mail"},
    )
    manual_resume = fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, metadata={"description": "pings do not end a pause"}
    )


class MonitorIn(MonitorBase):
    """A new monitor."""


class MonitorChange(MonitorBase):
    """The fields to change; fields that are left out do not change."""

    recipients = fields.List(fields.Nested(OnFailure), validate=validate.Length(max=10))


class MonitorOut(MonitorBase):
    id = fields.UUID(required=True)
    status = fields.String(validate=one_of(MonitorStatus))
    status_changed_at = UtcDateTime()
    ping_url = fields.Function(lambda monitor: _url(f"ping/{monitor.ping_key}"), metadata={"type": "string"})
    badge_url = fields.Function(lambda monitor: _url(f"badge/{monitor.badge_key}.svg"), metadata={"type": "string"})
    last_ping_at = UtcDateTime(allow_none=True)
    last_ping_kind = fields.String(allow_none=True)
    started_at = UtcDateTime(allow_none=True, metadata={"description": "when the run in progress was started"})
    last_duration_ms = fields.Integer(allow_none=True)
    expected_at = UtcDateTime(allow_none=True, metadata={"description": "the grace time starts here"})
    ping_count = fields.Integer()
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


def _url(path: str) -> str:
    return f"{current_settings().public_base_url}/{path}"


class MonitorQuery(PageQuery):
    status = fields.String(load_default=None, validate=one_of(MonitorStatus))


class PingQuery(PageQuery):
    kind = fields.String(load_default=None, validate=one_of(PingKind))


class PingOut(Schema):
    id = fields.UUID(required=True)
    number = fields.Integer(metadata={"description": "counts the pings of the monitor"})
    received_at = UtcDateTime()
    kind = fields.String()
    exit_status = fields.Integer(allow_none=True)
    run = fields.UUID(allow_none=True, metadata={"description": "`rid` of the ping"})
    duration_ms = fields.Integer(allow_none=True, metadata={"description": "since the START of the same run"})
    method = fields.String()
    user_agent = fields.String(allow_none=True)
    is_truncated = fields.Boolean(metadata={"description": "`body` was longer than what is stored"})


class PingDetailOut(PingOut):
    body = fields.String(allow_none=True)


class MonitorChangeOut(Schema):
    id = fields.UUID(required=True)
    changed_at = UtcDateTime()
    status = fields.String()
    previous_status = fields.String()
    reason = fields.String()
