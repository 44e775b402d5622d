"""broadcast: send one message to many users through the notification service's bulk endpoint."""

from __future__ import annotations

from marshmallow import fields

from heidi_common.identity.scopes import Scope
from heidi_common.operations.base import JSON, OperationType, Step, StepContext
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson

_PUBLIC_FIELDS = ("channel", "type", "category", "template", "scheduledFor", "expiresAt")


class Broadcast(Schema):
    """Send one notification to many users.

    `message` is a body of POST /notifications without `userId`. The notification service validates it.
    """

    message = FreeJson(
        required=True,
        max_bytes=65_536,
        metadata={"description": 'The message, such as {"channel": "IN_APP", "content": "Maintenance tonight"}'},
    )
    user_ids = fields.List(fields.UUID(), metadata={"description": "The recipients, unless a filter selects them"})
    filter = FreeJson(metadata={"description": 'Selects the recipients, such as {"role": "USER", "isActive": true}'})


def redact(payload: JSON) -> JSON:
    """Leave out the text of the message, and reduce the recipients to their number."""
    message = payload["message"]
    public = {name: message[name] for name in _PUBLIC_FIELDS if name in message}
    return public | {"filter": payload.get("filter"), "userIds": len(payload.get("userIds", ()))}


def queue(context: StepContext) -> JSON:
    recipients = {name: context.input[name] for name in ("userIds", "filter") if name in context.input}
    batch = context.send("notification", "POST", "/api/v1/notifications/bulk", context.input["message"] | recipients)
    return {"batchId": batch["batchId"], "accepted": batch["accepted"], "skipped": batch.get("skipped", [])}


OPERATION = OperationType(
    name="broadcast",
    input=Broadcast,
    redact=redact,
    scopes=frozenset({Scope.NOTIFICATIONS_WRITE}),
    steps=(Step("queue", queue),),
)
