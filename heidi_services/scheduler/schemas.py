"""What may come in, what goes out."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, Text, UtcDateTime
from heidi_common.schemas.validators import not_blank
from heidi_services.scheduler.actions import ACTIONS
from heidi_services.scheduler.enums import Misfire, Overlap, Status, Trigger

DAY = 24 * 3600
ONE_OF_ACTIONS = validate.OneOf(list(ACTIONS))


class OnFailure(Schema):
    user_id = fields.UUID(required=True)
    channel = fields.String(validate=validate.OneOf(["EMAIL", "SMS", "PUSH", "IN_APP"]))

    @post_load
    def _as_json(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """As it is stored: JSON. A PATCH may leave out fields of the schedule, but not of this."""
        if "user_id" not in data:
            raise ValidationError("Missing data for required field.", "userId")
        return data | {"user_id": str(data["user_id"])}


class ScheduleBase(Schema):
    """A schedule's own fields; a default is what POST takes where nothing is given."""

    name = Text(max=120, required=True, validate=not_blank)
    description = Text(max=1000, allow_none=True)
    cron_expression = Text(max=1000, required=True)
    timezone = Text(max=64, load_default="UTC")
    action = fields.String(required=True, validate=ONE_OF_ACTIONS)
    payload = FreeJson(load_default=dict, max_bytes=65_536)
    is_enabled = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    start_at = UtcDateTime(allow_none=True)
    end_at = UtcDateTime(allow_none=True)
    misfire_policy = fields.String(load_default=Misfire.LATEST.value, validate=validate.OneOf(list(map(str, Misfire))))
    misfire_window_seconds = fields.Integer(load_default=3600, strict=True, validate=validate.Range(60, 30 * DAY))
    overlap_policy = fields.String(load_default=Overlap.SKIP.value, validate=validate.OneOf(list(map(str, Overlap))))
    on_failure = fields.Nested(OnFailure, allow_none=True)
    max_attempts = fields.Integer(load_default=3, strict=True, validate=validate.Range(1, 10))
    timeout_seconds = fields.Integer(load_default=60, strict=True, validate=validate.Range(1, 300))
    jitter_seconds = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 3600))


class ScheduleIn(ScheduleBase):
    """A new schedule."""


class ScheduleChange(ScheduleBase):
    """What is to be different; everything else stays."""


class ScheduleOut(ScheduleBase):
    id = fields.UUID()
    last_run = UtcDateTime(allow_none=True)
    last_run_status = fields.String(allow_none=True)
    next_run = UtcDateTime(allow_none=True)
    run_count = fields.Integer()
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


class ScheduleQuery(PageQuery):
    is_enabled = fields.Boolean(load_default=None)
    action = fields.String(load_default=None, validate=ONE_OF_ACTIONS)
    sort = fields.String(
        load_default="-createdAt", validate=validate.OneOf(["createdAt", "-createdAt", "name", "-name"])
    )


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


class RunQuery(PageQuery):
    status = fields.String(load_default=None, validate=validate.OneOf(list(map(str, Status))))
    trigger = fields.String(load_default=None, validate=validate.OneOf(list(map(str, Trigger))))


class WaitQuery(Schema):
    wait = fields.Float(load_default=0.0, validate=validate.Range(0, 25), metadata={"description": "seconds"})


class BackfillIn(Schema):
    start = UtcDateTime(required=True, data_key="from")
    end = UtcDateTime(required=True, data_key="to")


class BackfillOut(Schema):
    runs = fields.Integer(metadata={"description": "runs that were made"})
    slots = fields.Integer(metadata={"description": "slots in that time, those that ran already included"})


class UpcomingQuery(Schema):
    count = fields.Integer(load_default=5, validate=validate.Range(1, 100))


class PreviewIn(Schema):
    cron_expression = Text(max=1000, required=True)
    timezone = Text(max=64, load_default="UTC")
    count = fields.Integer(load_default=5, strict=True, validate=validate.Range(1, 100))
    start = UtcDateTime(load_default=None, allow_none=True, data_key="from")


class PreviewOut(Schema):
    description = fields.String()
    times = fields.List(fields.String())
    notes = fields.List(fields.String())


class ActionOut(Schema):
    name = fields.String()
    description = fields.String()
    payload = fields.Dict(metadata={"description": "JSON schema of the payload"})
