"""Received webhooks and their events."""

from __future__ import annotations

from typing import Any

import orjson
from marshmallow import fields

from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Text, UtcDateTime
from heidi_services.integration.models import WebhookEvent


class ReceivedOut(Schema):
    received = fields.Integer(required=True)
    stored = fields.Integer(required=True)


class WebhookEventQuery(PageQuery):
    type = Text(max=255)


class PlatformEventQuery(WebhookEventQuery):
    integration_id = fields.UUID()
    since = UtcDateTime(metadata={"description": "only events that were received at this time or later"})


def _payload(event: WebhookEvent) -> Any:
    """The body as JSON; as text if it is not JSON or cannot be serialized again, e.g. because it is nested too deep."""
    try:
        value = orjson.loads(event.body)
        orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return event.body.decode("utf-8", "replace")
    return value


class WebhookEventOut(Schema):
    """`payload` is the received JSON, or the received text if it was not JSON."""

    id = fields.UUID(required=True)
    integration_id = fields.UUID(required=True)
    provider_event_id = fields.String(required=True)
    type = fields.String(required=True)
    payload = fields.Function(_payload)
    created_at = UtcDateTime(required=True)
