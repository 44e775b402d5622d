"""To whom events are replayed: what the runner of replays needs to know of a subscriber or an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from heidi_common.messaging import inbox_replay
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.messaging.subscribers import Subscriber

Select = Callable[[Sequence[OutboxEvent]], Sequence[OutboxEvent]]


class ReplayTarget(Protocol):
    """A receiver of replayed events. All methods join the caller's transaction."""

    @property
    def batch(self) -> int:
        """How many events are handed over together. No more than twice as many are in flight."""

    @property
    def patterns(self) -> Sequence[str]:
        """The types of events that it receives."""

    def rejection(self) -> str | None:
        """Why it cannot receive events any more."""

    def may_continue(self, handed_over_at: datetime | None) -> bool:
        """Whether it can take further events, after those that it got at this time."""

    def hand_over(self, events: Sequence[OutboxEvent]) -> list[UUID]:
        """Make the events due; returns the IDs of those that it gets."""

    def results(self, event_ids: Collection[UUID]) -> Mapping[UUID, bool | None]:
        """Whether each of the events was handled; None if that is not known yet. Lost ones are left out."""

    def withdraw(self, event_ids: Collection[UUID]) -> list[UUID]:
        """Withdraw the events whose handling has not begun; returns their IDs."""


class SubscriberTarget:
    """A subscriber, whose inbox rows become due again.

    Args:
        subscriber: The subscriber.
        select: Selects those of a batch of events that the subscriber handles.
    """

    batch = 200

    def __init__(self, subscriber: Subscriber, select: Select) -> None:
        self.name, self.patterns, self.select = subscriber.name, (subscriber.pattern,), select

    def rejection(self) -> str | None:
        return None

    def may_continue(self, handed_over_at: datetime | None) -> bool:
        """Its events end as handled or as dead letters within minutes."""
        return True

    def hand_over(self, events: Sequence[OutboxEvent]) -> list[UUID]:
        return inbox_replay.reopen(self.name, [event.id for event in self.select(events)])

    def results(self, event_ids: Collection[UUID]) -> Mapping[UUID, bool | None]:
        states = inbox_replay.statuses(self.name, event_ids)
        return {event_id: None if state == "pending" else state == "done" for event_id, state in states.items()}

    def withdraw(self, event_ids: Collection[UUID]) -> list[UUID]:
        return inbox_replay.withdraw(self.name, event_ids)
