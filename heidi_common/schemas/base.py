"""Base of all schemas: camelCase on the wire, unknown fields refused, times in UTC, text without traps."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from heidi_common.schemas.naming import camel

UNKNOWN = "This field is not known here."


class Schema(ma.Schema):
    """snake_case attributes become camelCase keys; what is not declared is refused by name."""

    class Meta:
        unknown = ma.RAISE

    error_messages = {"unknown": UNKNOWN, "type": "This must be a JSON object."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)


class PageQuery(Schema):
    """`?limit=&cursor=&total=` of every list."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None, validate=validate.Length(max=2000))
    total = fields.Boolean(load_default=False)


class ProblemField(ma.Schema):
    pointer = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemOut(ma.Schema):
    """RFC 9457, the shape of every error; it allows members of others (OAuth's `error`)."""

    class Meta:
        unknown = ma.INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(allow_none=True)
    code = fields.String(required=True)
    requestId = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemField))
