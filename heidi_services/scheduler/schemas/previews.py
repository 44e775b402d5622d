"""Previews of schedules, and the actions that a schedule can have."""

from marshmallow import fields, validate

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_common.schemas.locales import LocaleTag
from heidi_services.scheduler.schemas.fields import LONGEST_EXPRESSION


class DescriptionLanguage(Schema):
    """The language of descriptions."""

    lang = LocaleTag(
        load_default=None,
        metadata={"description": "Language of the description and the notes: `de`, `de-AT`; otherwise English."},
    )


class UpcomingQuery(DescriptionLanguage):
    count = fields.Integer(load_default=5, validate=validate.Range(1, 100))


class CronPreviewIn(DescriptionLanguage):
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
