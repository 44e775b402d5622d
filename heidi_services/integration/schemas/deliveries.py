"""Deliveries: events that are forwarded to a `webhookUrl`."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime, iso
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery


class DeliveryQuery(PageQuery):
    status = fields.String(validate=validate.OneOf([status.value for status in DeliveryStatus]))
    event_type = Text(max=255)


def _next_attempt_at(delivery: Delivery) -> str | None:
    """Only a pending delivery has a next attempt."""
    return iso(delivery.next_attempt_at) if delivery.status == DeliveryStatus.PENDING else None


class DeliveryOut(Schema):
    id = fields.UUID(required=True)
    integration_id = fields.UUID(required=True)
    event_id = fields.UUID(required=True)
    event_type = fields.String(required=True)
    status = fields.String(required=True)
    attempts = fields.Integer(required=True)
    next_attempt_at = fields.Function(_next_attempt_at)
    response_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    delivered_at = UtcDateTime(allow_none=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class DeliveryAttemptOut(Schema):
    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    outcome = fields.String(required=True)
    status_code = fields.Integer(allow_none=True)
    response = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    duration_ms = fields.Integer(required=True)
    created_at = UtcDateTime(required=True)


class DeliveryDetailOut(DeliveryOut):
    body = fields.String(required=True)
    attempt_log = fields.List(fields.Nested(DeliveryAttemptOut))


class RecoverIn(Schema):
    since = UtcDateTime(required=True)


class RecoveredOut(Schema):
    recovered = fields.Integer(required=True)
