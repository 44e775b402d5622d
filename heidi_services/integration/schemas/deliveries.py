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


class PlatformDeliveryQuery(DeliveryQuery):
    integration_id = fields.UUID()
    since = UtcDateTime(metadata={"description": "only deliveries that were created at this time or later"})


class FailureSummaryQuery(Schema):
    since = UtcDateTime(load_default=None, metadata={"description": "default: 24 hours ago"})
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


class FailureSummaryOut(Schema):
    """The failed deliveries of one integration, and the latest of them."""

    integration_id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    provider = fields.String(required=True)
    is_active = fields.Boolean(required=True)
    disabled_reason = fields.String(allow_none=True)
    failing_since = UtcDateTime(allow_none=True)
    failed = fields.Integer(required=True, metadata={"description": "number of failed deliveries"})
    last_failed_at = UtcDateTime(required=True)
    last_delivery_id = fields.UUID(required=True)
    last_error = fields.String(allow_none=True)
    response_status = fields.Integer(allow_none=True)


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
