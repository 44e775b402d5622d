"""The actors of integration. Deliveries have their own queue, so that they can have their own worker."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import dramatiq

from heidi_common.database.transactions import after_commit
from heidi_common.logger.causes import current_cause
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.service import owner_sync, sync
from heidi_services.integration.service.deliveries import delivery_worker, forwarding
from workers.actors import actor, consumer, hint
from workers.batching import process_each
from workers.consumption import OUTBOUND_QUEUE


@consumer("integration")
def forward_fact(event: OutboxEvent) -> None:
    """Create a delivery for each integration that is subscribed to the event."""
    _wake("webhooks", "deliver_webhook", forwarding.forward_event(event))


@consumer("integration")
def accept_sync(event: OutboxEvent) -> None:
    accepted = sync.create_sync(event)
    _wake(OUTBOUND_QUEUE, "run_sync", [accepted] if accepted else [])


@consumer("integration")
def follow_owner(event: OutboxEvent) -> None:
    owner_sync.update_owner(event)


@actor("webhooks")
def deliver_webhook(*delivery_ids: str) -> None:
    process_each(delivery_ids, delivery_worker.deliver)


@actor(OUTBOUND_QUEUE)
def run_sync(*sync_ids: str) -> None:
    process_each(sync_ids, sync.run_sync)


def _wake(queue: str, name: str, ids: Iterable[UUID]) -> None:
    """Enqueue wake-up messages after the commit. If they are lost, the clock finds the rows when they are due."""
    broker = dramatiq.get_broker()
    messages = [hint(queue, name, str(row_id), cause=current_cause()) for row_id in ids]
    after_commit(lambda: [broker.enqueue(message) for message in messages])
