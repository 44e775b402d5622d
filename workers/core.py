"""The actors of core."""

from __future__ import annotations

import dramatiq

from heidi_common.database.transactions import after_commit
from heidi_common.logger.causes import current_cause
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.service import erasure, operation_runner, operations, overview, replay_runner
from workers.actors import actor, consumer, hint
from workers.batching import process_each
from workers.replay_targets import target_of


@actor("core")
def carry_out_operation(*operation_ids: str) -> None:
    """Run operations that are due and that no other worker is running."""
    process_each(operation_ids, operation_runner.run)


@actor("core")
def replay_events(*replay_ids: str) -> None:
    """Continue replays of past events."""
    process_each(replay_ids, lambda replay_id: replay_runner.run(replay_id, target_of))


@consumer("core")
def accept_operation(event: OutboxEvent) -> None:
    """Store an operation that was requested by an event, and wake a worker for it."""
    operations.accept(event)
    broker, message = dramatiq.get_broker(), hint("core", "carry_out_operation", event.subject, cause=current_cause())
    after_commit(lambda: broker.enqueue(message))


@consumer("core")
def erase_operations(event: OutboxEvent) -> None:
    """Delete the error texts of an erased user's operations."""
    erasure.erase_user_data(event)


@consumer("core")
def renew_overview(event: OutboxEvent) -> None:
    """Invalidate the cached overview when a user was created, changed or deleted."""
    after_commit(overview.invalidate)
