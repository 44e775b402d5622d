"""broadcast: send one message to many users through the notification service's bulk endpoint."""

from __future__ import annotations

from heidi_common.operation_inputs import Broadcast
from heidi_services.core.operations.base import JSON, OperationType, Step, StepContext

_PUBLIC_FIELDS = ("channel", "type", "category", "template", "scheduledFor", "expiresAt")


def redact(payload: JSON) -> JSON:
    """Leave out the text of the message, and reduce the recipients to their number."""
    message = payload["message"]
    public = {name: message[name] for name in _PUBLIC_FIELDS if name in message}
    return public | {"filter": payload.get("filter"), "userIds": len(payload.get("userIds", ()))}


def queue(context: StepContext) -> JSON:
    recipients = {name: context.input[name] for name in ("userIds", "filter") if name in context.input}
    batch = context.send("notification", "POST", "/api/v1/notifications/bulk", context.input["message"] | recipients)
    return {"batchId": batch["batchId"], "accepted": batch["accepted"], "skipped": batch.get("skipped", [])}


BROADCAST = OperationType(input=Broadcast, redact=redact, steps=(Step("queue", queue),))
