"""Requests and responses of operations across services."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.operations.registry import OPERATIONS
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import FreeJson, UtcDateTime
from heidi_services.core.models import OperationStatus


class OperationIn(Schema):
    type = fields.String(required=True, validate=validate.OneOf(OPERATIONS))
    input = FreeJson(required=True, max_bytes=65_536)


class OperationTypeOut(Schema):
    """A kind of operation. `scopes` are those that a machine client needs whose schedule requests it."""

    type = fields.String(required=True)
    description = fields.String(required=True)
    input = fields.Dict(required=True, metadata={"description": "JSON schema of the input"})
    steps = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)


class OperationQuery(PageQuery):
    type = fields.String(validate=validate.OneOf(OPERATIONS))
    status = fields.String(validate=validate.OneOf([status.value for status in OperationStatus]))


class OperationOut(Schema):
    id = fields.UUID(required=True)
    type = fields.String(required=True)
    status = fields.String(required=True)
    input = fields.Dict(required=True)
    steps = fields.List(fields.Dict(), required=True)
    error = fields.String(allow_none=True)
    requested_by = fields.UUID(allow_none=True)
    attempts = fields.Integer(required=True)
    started_at = UtcDateTime(allow_none=True)
    finished_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)
