"""The actors of core."""

from __future__ import annotations

from uuid import UUID

import dramatiq

from heidi_common.database.transactions import after_commit
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.service import operation_runner, operations, overview
from workers.actors import actor, consumer, hint


@actor("core")
def carry_out_operation(operation_id: str) -> None:
    """Run an operation, if it is due and no other worker is running it."""
    operation_runner.run(UUID(operation_id))


@consumer("core")
def accept_operation(event: OutboxEvent) -> None:
    """Store an operation that was requested by an event, and wake a worker for it."""
    operations.accept(event)
    broker = dramatiq.get_broker()
    after_commit(lambda: broker.enqueue(hint("core", "carry_out_operation", event.subject)))


@consumer("core")
def renew_overview(event: OutboxEvent) -> None:
    """Invalidate the cached overview when a user was created, changed or deleted."""
    after_commit(overview.invalidate)
