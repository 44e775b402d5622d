"""What workers do for core."""

from __future__ import annotations

from uuid import UUID

import dramatiq

from heidi_common.database.transactions import after_commit
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.service import operation_runner, operations, overview
from workers.actors import actor, consumer, hint


@actor("core")
def carry_out_operation(operation_id: str) -> None:
    """Carry an operation out, if it is due and nobody else is at it."""
    operation_runner.carry_out(UUID(operation_id))


@consumer("core")
def accept_operation(event: OutboxEvent) -> None:
    """An operation that was asked for on the bus gets its row, and then its worker."""
    operations.accept(event)
    broker = dramatiq.get_broker()
    after_commit(lambda: broker.enqueue(hint("core", "carry_out_operation", event.subject)))


@consumer("core")
def renew_overview(event: OutboxEvent) -> None:
    """People came or went: the kept overview is no longer true."""
    after_commit(overview.forget)
