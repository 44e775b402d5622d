"""Previews of schedules, and the actions that a schedule can have."""

from marshmallow import fields, validate

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_services.scheduler.schemas.fields import LONGEST_EXPRESSION


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
