"""A fact as CloudEvents 1.0 JSON, for programs outside."""

from __future__ import annotations

from typing import Any

import orjson

from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.rabbitmq.publisher import OutgoingMessage
from heidi_common.schemas.fields import iso

CONTENT_TYPE = "application/cloudevents+json"


def as_cloudevent(event: OutboxEvent) -> dict[str, Any]:
    """The attributes of CloudEvents 1.0 in structured mode; `source` names the service that said it."""
    found = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/heidi/{event.type.partition('.')[0]}",
        "type": event.type,
        "subject": event.subject,
        "time": iso(event.created_at),
        "datacontenttype": "application/json",
        "data": event.data,
    }
    return found | ({"requestid": event.request_id} if event.request_id else {})


def message(event: OutboxEvent) -> OutgoingMessage:
    """What goes to the topic exchange: the routing key is the fact's type."""
    body = orjson.dumps(as_cloudevent(event))
    return OutgoingMessage(event.type, body, message_id=str(event.id), content_type=CONTENT_TYPE)
