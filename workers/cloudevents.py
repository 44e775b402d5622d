"""Events as CloudEvents 1.0 JSON, for external programs."""

from __future__ import annotations

from typing import Any

import orjson

from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.rabbitmq.publisher import OutgoingMessage
from heidi_common.schemas.fields import iso

CONTENT_TYPE = "application/cloudevents+json"


def as_cloudevent(event: OutboxEvent) -> dict[str, Any]:
    """Convert an event to CloudEvents 1.0, structured mode; `source` names the service that emitted it."""
    attributes = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/heidi/{event.type.partition('.')[0]}",
        "type": event.type,
        "subject": event.subject,
        "time": iso(event.created_at),
        "datacontenttype": "application/json",
        "data": event.data,
    }
    causes = {"requestid": event.request_id, "traceparent": event.traceparent}
    return attributes | {name: value for name, value in causes.items() if value}


def exchange_message(event: OutboxEvent) -> OutgoingMessage:
    """Make the message for the topic exchange; its routing key is the type of the event."""
    body = orjson.dumps(as_cloudevent(event))
    return OutgoingMessage(event.type, body, message_id=str(event.id), content_type=CONTENT_TYPE)
