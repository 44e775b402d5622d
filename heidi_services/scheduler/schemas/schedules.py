"""Schedules, as requests and responses contain them."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.scheduler.enums import ConcurrencyPolicy, MisfirePolicy, OverlapPolicy, ScheduleKind
from heidi_services.scheduler.schemas.fields import (
    DAY,
    KNOWN_ACTION,
    LONGEST_EXPRESSION,
    TAG,
    IsoDate,
    OnFailure,
    one_of,
)


class ScheduleBase(Schema):
    """The fields that a client can set. The defaults apply to POST only."""

    name = Text(max=120, required=True, validate=not_blank)
    description = Text(max=1000, allow_none=True)
    kind = fields.String(
        validate=one_of(ScheduleKind), metadata={"description": "follows from the field that gives the times"}
    )
    cron_expression = Text(
        min=0,
        max=LONGEST_EXPRESSION,
        load_default="",
        metadata={"description": "exactly one of `cronExpression`, `at` and `every`; empty for the other kinds"},
    )
    at = UtcDateTime(allow_none=True, metadata={"description": "the only slot of a schedule of the kind AT"})
    every = Text(max=40, allow_none=True, metadata={"description": "interval, an ISO 8601 duration: PT1M to P366D"})
    anchor_at = UtcDateTime(
        allow_none=True,
        metadata={"description": "intervals are counted from here; by default from `startAt`, or the creation"},
    )
    timezone = Text(max=64, load_default="UTC")
    excluded_dates = fields.List(IsoDate(), load_default=list, validate=validate.Length(max=366))
    holiday_calendars = fields.List(
        Text(max=20),
        load_default=list,
        validate=validate.Length(max=10),
        metadata={"description": "no slots on these holidays: a country (DE), a region (DE-BY), a market (ECB)"},
    )
    tags = fields.List(fields.String(validate=TAG), load_default=list, validate=validate.Length(max=20))
    action = fields.String(required=True, validate=KNOWN_ACTION)
    payload = FreeJson(load_default=dict, max_bytes=65_536)
    is_enabled = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    start_at = UtcDateTime(allow_none=True)
    end_at = UtcDateTime(allow_none=True)
    misfire_policy = fields.String(load_default=MisfirePolicy.LATEST.value, validate=one_of(MisfirePolicy))
    misfire_window_seconds = fields.Integer(load_default=3600, strict=True, validate=validate.Range(60, 30 * DAY))
    overlap_policy = fields.String(load_default=OverlapPolicy.SKIP.value, validate=one_of(OverlapPolicy))
    concurrency_limit = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100))
    concurrency_key = Text(max=100, allow_none=True, validate=not_blank)
    concurrency_policy = fields.String(load_default=ConcurrencyPolicy.QUEUE.value, validate=one_of(ConcurrencyPolicy))
    on_failure = fields.Nested(OnFailure, allow_none=True)
    alert_recipients = fields.List(
        fields.Nested(OnFailure),
        load_default=list,
        validate=validate.Length(max=10),
        metadata={"description": "further recipients of the notifications that `onFailure` receives"},
    )
    notify_on_recovery = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "also notify of the first success after a failure"},
    )
    max_attempts = fields.Integer(load_default=3, strict=True, validate=validate.Range(1, 10))
    timeout_seconds = fields.Integer(load_default=60, strict=True, validate=validate.Range(1, 300))
    jitter_seconds = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 3600))


class ScheduleIn(ScheduleBase):
    """A new schedule."""


class ScheduleChange(ScheduleBase):
    """The fields to change; fields that are left out do not change."""


class ScheduleOut(ScheduleBase):
    id = fields.UUID(required=True)
    last_run = UtcDateTime(allow_none=True)
    last_run_status = fields.String(allow_none=True)
    next_run = UtcDateTime(allow_none=True)
    run_count = fields.Integer()
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


class ScheduleQuery(PageQuery):
    q = Text(max=100, load_default=None, metadata={"description": "part of the name, whatever its case and accents"})
    is_failing = fields.Boolean(
        load_default=None, metadata={"description": "whether the last run failed or exceeded its time limit"}
    )
    is_enabled = fields.Boolean(load_default=None)
    action = fields.String(load_default=None, validate=KNOWN_ACTION)
    kind = fields.String(load_default=None, validate=one_of(ScheduleKind))
    tag = fields.String(load_default=None, validate=TAG)
    sort = fields.String(
        load_default="-createdAt", validate=validate.OneOf(["createdAt", "-createdAt", "name", "-name"])
    )


class SelectionIn(Schema):
    """Which schedules to pause or resume: those that fit all members. At least one is required."""

    ids = fields.List(fields.UUID(), validate=validate.Length(min=1, max=500))
    tag = fields.String(validate=TAG)
    q = Text(max=100, metadata={"description": "part of the name, whatever its case and accents"})
    action = fields.String(validate=KNOWN_ACTION)

    @validates_schema
    def _is_limited(self, data: dict[str, Any], **_: object) -> None:
        if not data:
            raise ValidationError("Specify at least one of `ids`, `tag`, `q` and `action`.", "ids")


class SelectionOut(Schema):
    schedules = fields.Integer(metadata={"description": "schedules that were changed"})
