"""Runs, and the requests that create, list and cancel them."""

from typing import Any

from marshmallow import fields, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import UtcDateTime
from heidi_services.scheduler.enums import REPEATABLE, RunStatus, Trigger
from heidi_services.scheduler.schemas.fields import KNOWN_ACTION, one_of


class RunOut(Schema):
    id = fields.UUID(required=True)
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
    status = fields.String(load_default=None, validate=one_of(RunStatus))
    trigger = fields.String(load_default=None, validate=one_of(Trigger))


class RunStatuses(fields.String):
    """Statuses, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        statuses = str(value).split(",")
        for status in statuses:
            one_of(RunStatus)(status)
        return statuses


class AllRunsQuery(PageQuery):
    status = RunStatuses(load_default=None, metadata={"description": "one or more statuses, separated by commas"})
    trigger = fields.String(load_default=None, validate=one_of(Trigger))
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
        fields.String(validate=one_of((RunStatus.MISSED, *REPEATABLE))),
        load_default=lambda: [RunStatus.MISSED.value],
        validate=validate.Length(max=5),
        metadata={"description": "statuses of runs in the period that are queued again"},
    )


class CancelledRunsOut(Schema):
    runs = fields.Integer(metadata={"description": "runs that were cancelled, or asked to end"})


class BackfillOut(Schema):
    runs = fields.Integer(metadata={"description": "runs that were created"})
    slots = fields.Integer(metadata={"description": "slots in the period, including those that have run already"})
