"""The subscribers that have an inbox: which events each of them handles, and the queue of its actor.

`workers/subscriptions.py` says which of these events interest a subscriber.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heidi_common.messaging.events import all_event_types, matches


@dataclass(frozen=True)
class Subscriber:
    """A handler of events.

    Attributes:
        name: The name of its actor, which is stored in the inbox.
        pattern: The types of the events that it handles.
        queue: The queue of its actor.
    """

    name: str
    pattern: str
    queue: str

    @property
    def carries_out_requests(self) -> bool:
        """Whether its events are requests. What they need is deleted when they have been carried out."""
        return any(event.answered_by == self.name for event in all_event_types())

    def handles_any(self, patterns: Iterable[str]) -> bool:
        """Whether events of at least one of these types or patterns can concern the subscriber."""
        return any(overlap(self.pattern, pattern) for pattern in patterns)


SUBSCRIBERS = {
    subscriber.name: subscriber
    for subscriber in (
        Subscriber("make_requested_notification", "notification.send", "notification"),
        Subscriber("verify_replaced_address", "user.updated", "core"),
        Subscriber("welcome_user", "user.created", "notification"),
        Subscriber("forget_user", "user.deleted", "notification"),
        Subscriber("remove_attached_devices", "user.reclaimed", "notification"),
        Subscriber("forget_sign_in", "user.deleted", "core"),
        Subscriber("erase_operations", "user.deleted", "core"),
        Subscriber("erase_schedules", "user.deleted", "scheduler"),
        Subscriber("erase_files", "user.deleted", "files"),
        Subscriber("clear_avatar", "file.deleted", "core"),
        Subscriber("forward_fact", "*", "integration"),
        Subscriber("follow_owner", "user.*", "integration"),
        Subscriber("renew_city_answers", "city.*", "core"),
        Subscriber("accept_sync", "integration.sync", "integration"),
        Subscriber("accept_operation", "core.operation", "core"),
        Subscriber("renew_overview", "user.*", "core"),
    )
}
"""By name."""


def overlap(first: str, second: str) -> bool:
    """Whether an event type can match both patterns."""
    prefixes = [pattern.removesuffix("*") for pattern in (first, second)]
    if first.endswith("*") and second.endswith("*"):
        return prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])
    return matches(first, second) or matches(second, first)
