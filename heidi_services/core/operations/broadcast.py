"""broadcast: one message to many people, by the notification service's bulk door."""

from __future__ import annotations

from heidi_common.operation_inputs import Broadcast
from heidi_services.core.operations.base import JSON, Kind, Order, Step

_SHOWN = ("channel", "type", "category", "template", "scheduledFor", "expiresAt")


def show(given: JSON) -> JSON:
    """Not the text, and of the people only how many."""
    shown = {name: given["message"][name] for name in _SHOWN if name in given["message"]}
    return shown | {"filter": given.get("filter"), "userIds": len(given.get("userIds", ()))}


def queue(order: Order) -> JSON:
    whom = {name: order.input[name] for name in ("userIds", "filter") if name in order.input}
    batch = order.send("notification", "POST", "/api/v1/notifications/bulk", order.input["message"] | whom)
    return {"batchId": batch["batchId"], "accepted": batch["accepted"], "skipped": batch.get("skipped", [])}


BROADCAST = Kind(input=Broadcast, show=show, steps=(Step("queue", queue),))
