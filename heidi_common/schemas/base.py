"""The base class of all schemas, and the schemas of pages and problems."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from heidi_common.schemas.fields import TotalField
from heidi_common.schemas.naming import camel
from heidi_common.schemas.validators import Length


class Schema(ma.Schema):
    """A schema whose snake_case attributes are camelCase keys in JSON. Unknown keys are rejected."""

    class Meta:
        unknown = ma.RAISE

    error_messages = {"unknown": "Unknown field.", "type": "Must be a JSON object."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)


class PageQuery(Schema):
    """The query of every list: `?limit=&cursor=&total=`."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None, validate=Length(max=2000))
    total = TotalField(load_default=False)


class ListMeta(ma.Schema):
    """The `meta` of a list. It describes responses in OpenAPI."""

    class Meta:
        unknown = ma.INCLUDE

    limit = fields.Integer()
    hasMore = fields.Boolean()
    nextCursor = fields.String(allow_none=True)
    total = fields.Integer(metadata={"description": "only with `?total=true` or `?total=exact`"})
    totalIsEstimate = fields.Boolean(
        metadata={"description": "beside `total`: true if it is above 10,000 and was not counted exactly"}
    )


class ProblemField(ma.Schema):
    """An error in one field of the request. `pointer` is a JSON pointer (RFC 6901)."""

    pointer = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemOut(ma.Schema):
    """Problem details, the body of every error. Further members are allowed, such as `error` of OAuth.

    Source: RFC 9457.
    """

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
