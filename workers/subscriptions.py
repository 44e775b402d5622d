"""fact -> who acts on it: the map of the bus, readable in one glance.

A `Hint` is for a fact whose own row is the work (a notification, a run): the message carries the subject's id.
A `Consume` gives the subscriber a row in its inbox, in the relay's transaction; the message carries the event's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast
from uuid import UUID

from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent

Interested = Callable[[Sequence[OutboxEvent]], set[UUID]]


@dataclass(frozen=True)
class Hint:
    pattern: str
    queue: str
    actor: str


@dataclass(frozen=True)
class Consume:
    """`interested` ("module:function") tells which of a batch of facts the subscriber wants at all."""

    pattern: str
    queue: str
    actor: str
    interested: str | None = None

    def wanted(self, events: Iterable[OutboxEvent]) -> list[OutboxEvent]:
        found = [event for event in events if matches(self.pattern, event.type)]
        if self.interested is None or not found:
            return found
        module, _, name = self.interested.partition(":")
        wanted = cast(Interested, getattr(import_module(module), name))(found)
        return [event for event in found if event.id in wanted]


SUBSCRIPTIONS: tuple[Hint | Consume, ...] = (
    Hint("notification.queued", "notification", "deliver_notification"),
    Hint("schedule.execute", "scheduler", "run_schedule"),
    Consume("notification.send", "notification", "make_requested_notification"),
    Consume("user.created", "notification", "welcome_user"),
    Consume("user.deleted", "notification", "forget_user"),
    Consume("user.deleted", "core", "forget_sign_in"),
    Consume("*", "integration", "forward_fact", interested="heidi_services.integration.service.forwarding:interested"),
    Consume(
        "user.*", "integration", "follow_owner", interested="heidi_services.integration.service.owner_sync:interested"
    ),
    Consume("city.*", "core", "renew_city_answers"),
    Consume("integration.sync", "integration", "accept_sync"),
    Hint("core.operation", "core", "carry_out_operation"),
    Consume("core.operation", "core", "accept_operation"),
    Consume("user.*", "core", "renew_overview"),
)
