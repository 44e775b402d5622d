"""Event -> the actors that handle it. `heidi_common/messaging/subscribers.py` lists those with an inbox.

A `Hint` is for an event whose own row is the work (a notification, a run): the message carries the subject's ID.
A `Consume` gives the subscriber a row in its inbox, in the relay's transaction; the message carries the event's ID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.messaging.subscribers import SUBSCRIBERS
from heidi_services.auth.service import email_change
from heidi_services.integration.service import owner_sync
from heidi_services.integration.service.deliveries import forwarding
from heidi_services.notification.service import event_handlers
from heidi_services.users.service import deleted_files

Interested = Callable[[Sequence[OutboxEvent]], set[UUID]]


@dataclass(frozen=True)
class Hint:
    """Wakes an actor for the subject of each event of the type `pattern`."""

    pattern: str
    queue: str
    actor: str


@dataclass(frozen=True)
class Consume:
    """Gives a subscriber an inbox row for each event that matches `pattern`, and wakes its actor.

    `interested` returns the IDs of those events of a batch that the subscriber handles; without it, all of them.
    """

    pattern: str
    queue: str
    actor: str
    interested: Interested | None = None

    def select(self, events: Iterable[OutboxEvent]) -> list[OutboxEvent]:
        """Select the events for which the subscriber gets an inbox row."""
        matching = [event for event in events if matches(self.pattern, event.type)]
        if self.interested is None or not matching:
            return matching
        selected = self.interested(matching)
        return [event for event in matching if event.id in selected]


INTERESTED: Mapping[str, Interested] = {
    "verify_replaced_address": email_change.filter_replaced_addresses,
    "welcome_user": event_handlers.filter_welcomed,
    "forward_fact": forwarding.filter_forwardable,
    "clear_avatar": deleted_files.filter_avatars,
    "follow_owner": owner_sync.filter_owner_events,
}
"""The subscribers that do not handle all events that match their pattern."""

CONSUMERS = {
    item.name: Consume(item.pattern, item.queue, item.name, interested=INTERESTED.get(item.name))
    for item in SUBSCRIBERS.values()
}
"""By the name of the subscriber."""

SUBSCRIPTIONS: tuple[Hint | Consume, ...] = (
    Hint("notification.queued", "notification", "deliver_notification"),
    Hint("schedule.execute", "scheduler", "run_schedule"),
    Hint("core.operation", "core", "carry_out_operation"),
    *CONSUMERS.values(),
)

SUBSCRIBER_QUEUES = sorted({item.queue for item in SUBSCRIPTIONS if isinstance(item, Consume)})
"""The queues of the subscribers that have inbox rows."""
