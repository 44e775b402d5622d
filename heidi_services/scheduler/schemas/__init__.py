"""Requests and responses of the scheduler's endpoints."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from heidi_common.channels.registry import CHANNELS
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.scheduler.actions import ACTIONS
from heidi_services.scheduler.enums import (
    REPEATABLE,
    ConcurrencyPolicy,
    MisfirePolicy,
    OverlapPolicy,
    RunStatus,
    ScheduleKind,
    Trigger,
)

DAY = 24 * 3600
LONGEST_EXPRESSION = 10_000
"""Much more than the parser accepts, whose message says how to shorten the expression."""


def _one_of(values: Iterable[str]) -> validate.OneOf:
    return validate.OneOf([str(value) for value in values])


KNOWN_ACTION = validate.OneOf(ACTIONS)


class OnFailure(Schema):
    user_id = fields.UUID(required=True)
    channel = fields.String(validate=validate.OneOf(CHANNELS))

    @post_load
    def _as_json(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Return what is stored. A PATCH may leave out fields of the schedule, but not `userId` in this object."""
        if "user_id" not in data:
            raise ValidationError("Missing data for required field.", "userId")
        return data | {"user_id": str(data["user_id"])}


TAG = validate.Regexp(
    r"[a-z0-9][a-z0-9._:-]{0,49}\Z", error="Must contain only lower-case letters, digits and . _ : - (at most 50)."
)


class IsoDate(fields.String):
    """A date that is stored as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValidationError("Must be a date such as 2027-12-24.") from None


class ScheduleBase(Schema):
    """The fields that a client can set. The defaults apply to POST only."""

    name = Text(max=120, required=True, validate=not_blank)
    description = Text(max=1000, allow_none=True)
    kind = fields.String(
        validate=_one_of(ScheduleKind), metadata={"description": "follows from the field that gives the times"}
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
    misfire_policy = fields.String(load_default=MisfirePolicy.LATEST.value, validate=_one_of(MisfirePolicy))
    misfire_window_seconds = fields.Integer(load_default=3600, strict=True, validate=validate.Range(60, 30 * DAY))
    overlap_policy = fields.String(load_default=OverlapPolicy.SKIP.value, validate=_one_of(OverlapPolicy))
    concurrency_limit = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100))
    concurrency_key = Text(max=100, allow_none=True, validate=not_blank)
    concurrency_policy = fields.String(load_default=ConcurrencyPolicy.QUEUE.value, validate=_one_of(ConcurrencyPolicy))
    on_failure = fields.Nested(OnFailure, allow_none=True)
    alert_recipients = fields.List(
        fields.Nested(OnFailure),
        load_default=list,
        validate=validate.Length(max=10),
        metadata={"description": "further recipients of what `onFailure` is told"},
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
    id = fields.UUID()
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
    kind = fields.String(load_default=None, validate=_one_of(ScheduleKind))
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


class RunOut(Schema):
    id = fields.UUID()
    schedule_id = fields.UUID()
    scheduled_for = UtcDateTime()
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    status = fields.String()
    trigger = fields.String()
    attempt = fields.Integer(attribute="attempts")
    result = fields.Dict(allow_none=True)
    error = fields.String(allow_none=True)
    duration_ms = fields.Integer(allow_none=True)
    cancel_requested = fields.Boolean(metadata={"description": "the run is RUNNING, and its action was asked to end"})
    reruns = fields.Integer(metadata={"description": "how often the run was queued again after it had ended"})
    missed_from = UtcDateTime(
        allow_none=True, metadata={"description": "a MISSED run stands for the slots from this one to `scheduledFor`"}
    )
    missed_slots = fields.Integer(
        allow_none=True, metadata={"description": "the number of slots that a MISSED run stands for"}
    )


class RunQuery(PageQuery):
    status = fields.String(load_default=None, validate=_one_of(RunStatus))
    trigger = fields.String(load_default=None, validate=_one_of(Trigger))


class RunStatuses(fields.String):
    """Statuses, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        statuses = str(value).split(",")
        for status in statuses:
            _one_of(RunStatus)(status)
        return statuses


class AllRunsQuery(PageQuery):
    status = RunStatuses(load_default=None, metadata={"description": "one or more statuses, separated by commas"})
    trigger = fields.String(load_default=None, validate=_one_of(Trigger))
    action = fields.String(load_default=None, validate=KNOWN_ACTION)
    schedule_id = fields.UUID(load_default=None)
    start = UtcDateTime(load_default=None, data_key="from", metadata={"description": "slots at this time or later"})
    end = UtcDateTime(load_default=None, data_key="to", metadata={"description": "slots before this time"})


class WaitQuery(Schema):
    wait = fields.Float(load_default=0.0, validate=validate.Range(0, 25), metadata={"description": "seconds"})


class BackfillIn(Schema):
    start = UtcDateTime(required=True, data_key="from")
    end = UtcDateTime(required=True, data_key="to")
    rerun = fields.List(
        fields.String(validate=_one_of((RunStatus.MISSED, *REPEATABLE))),
        load_default=lambda: [RunStatus.MISSED.value],
        validate=validate.Length(max=5),
        metadata={"description": "statuses of runs in the period that are queued again"},
    )


class CancelledRunsOut(Schema):
    runs = fields.Integer(metadata={"description": "runs that were cancelled, or asked to end"})


class BackfillOut(Schema):
    runs = fields.Integer(metadata={"description": "runs that were created"})
    slots = fields.Integer(metadata={"description": "slots in the period, including those that have run already"})


class UpcomingQuery(Schema):
    count = fields.Integer(load_default=5, validate=validate.Range(1, 100))


class CronPreviewIn(Schema):
    cron_expression = Text(max=LONGEST_EXPRESSION, required=True)
    timezone = Text(max=64, load_default="UTC")
    count = fields.Integer(load_default=5, strict=True, validate=validate.Range(1, 100))
    start = UtcDateTime(load_default=None, allow_none=True, data_key="from")


class CronPreviewOut(Schema):
    description = fields.String()
    times = fields.List(fields.String())
    notes = fields.List(fields.String())


class ActionOut(Schema):
    name = fields.String()
    description = fields.String()
    payload = fields.Dict(metadata={"description": "JSON schema of the payload"})
