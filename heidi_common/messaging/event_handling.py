"""Run a subscriber's handler once for each event: for one event, or for many in one transaction.

The attempt is counted and committed first, so that an event which kills its worker runs out of attempts too. The
handler's effect and the status `done` are committed together. A second worker finds the row leased or done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias
from uuid import UUID

from heidi_common.database.models import storable_text, utcnow
from heidi_common.database.transactions import transaction
from heidi_common.logger.causes import Cause, caused_by
from heidi_common.messaging import inbox_statements as statements
from heidi_common.messaging.inbox import MAX_ATTEMPTS, PermanentFailure, delete_secret_data
from heidi_common.messaging.inbox_statements import ClaimedRow
from heidi_common.messaging.jobs import backoff
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.tracing import spans

log = logging.getLogger(__name__)
BATCH_SECONDS = 5.0
"""A transaction for many events starts no further handler after this time. Far less than the lease of the rows."""

Handler: TypeAlias = Callable[[OutboxEvent], object]
WakeSingly: TypeAlias = Callable[[Sequence[UUID]], object]


def handle(consumer: str, event_id: UUID, handler: Handler) -> bool:
    """Run the handler of a subscriber for an event, unless that has been done.

    Args:
        consumer: The name of the subscriber.
        event_id: The event, which must have an inbox row for the subscriber.
        handler: Called with the event, inside a transaction. It is not called if the event is no longer stored.

    Returns:
        Whether the row is now `done` because of this call. False if it is not due, was done before, has become a
        dead letter, or if the handler has rejected the request.

    Raises:
        Exception: What the handler has raised. The row is due again later, or is a dead letter after the last attempt.
    """
    claimed = statements.claim_one(consumer, event_id)
    if claimed is None:
        return False
    done, failure = _handle_claimed(consumer, claimed, handler)
    if failure is not None:
        raise failure
    return done


def handle_many(consumer: str, event_ids: Sequence[UUID], handler: Handler, wake_singly: WakeSingly) -> None:
    """Run the handler for several events: for those that are new to the subscriber, in one transaction.

    If the handler fails for one of them, the transaction is rolled back and each is handled in its own, so that only
    the failing one is attempted again later.

    Args:
        consumer: The name of the subscriber.
        event_ids: The events, as in `handle`.
        handler: As in `handle`.
        wake_singly: Called first, with the due events that were attempted before. Each may have crashed its worker, so
            the caller sends each a separate message.

    Raises:
        Exception: What the handler has raised for an event, or a group of exceptions, once all events were handled.
    """
    claimed = statements.claim_new(consumer, event_ids)
    unclaimed = set(event_ids) - {row.event_id for row in claimed}
    wake_singly(statements.find_attempted(consumer, list(unclaimed)) if unclaimed else [])
    failures = _handle_new(consumer, claimed, handler)
    _raise_all([failure for failure in failures if failure is not None])


def _handle_new(consumer: str, claimed: Sequence[ClaimedRow], handler: Handler) -> list[Exception | None]:
    remaining = claimed
    while remaining:
        try:
            handled = _handle_together(consumer, remaining, handler)
        except Exception as error:
            log.info(
                "events cannot be handled together; handling them one at a time",
                extra={"consumer": consumer, "error": repr(error)[:300]},
            )
            break
        remaining = remaining[handled:]
    return [_handle_claimed(consumer, row, handler)[1] for row in remaining]


def _handle_together(consumer: str, claimed: Sequence[ClaimedRow], handler: Handler) -> int:
    """Handle claimed events in one transaction until all are handled or BATCH_SECONDS are over.

    Returns:
        How many of the rows need no further work.
    """
    events: list[tuple[UUID, OutboxEvent | None]] = []
    deadline, finished = time.monotonic() + BATCH_SECONDS, 0
    with transaction():
        locked = statements.lock_claimed(consumer, claimed)
        for row in claimed:
            if events and time.monotonic() > deadline:
                break
            finished += 1
            if row.event_id in locked:
                events.append((row.event_id, locked[row.event_id]))
                _call(handler, locked[row.event_id])
        _finish(consumer, events)
    return finished


def _handle_claimed(consumer: str, claimed: ClaimedRow, handler: Handler) -> tuple[bool, Exception | None]:
    """Handle one claimed event.

    Returns:
        Whether the row is now done, and what the handler has raised. Its failure has been recorded.
    """
    if claimed.attempts > MAX_ATTEMPTS:
        _move_to_dead_letters(consumer, claimed)
        return False, None
    try:
        with transaction():
            locked = statements.lock_claimed(consumer, [claimed])
            for event in locked.values():
                _call(handler, event)
            _finish(consumer, locked.items())
    except PermanentFailure as failure:
        _refuse(consumer, claimed, failure)
        return False, None
    except Exception as error:
        _reschedule(consumer, claimed, error)
        return False, error
    return bool(locked), None


def _call(handler: Handler, event: OutboxEvent | None) -> None:
    if event is not None:
        with _cause_of(event):
            handler(event)


def _cause_of(event: OutboxEvent) -> AbstractContextManager[Any]:
    """The cause of an event. A span of the message, which is in the same trace, stays the parent."""
    cause = Cause(event.request_id, event.traceparent)
    if spans.is_current_trace(event.traceparent):
        cause = cause._replace(traceparent=spans.traceparent())
    return caused_by(cause, f"handle {event.type}") if any(cause) else nullcontext()


def _finish(consumer: str, events: Iterable[tuple[UUID, OutboxEvent | None]]) -> None:
    events = list(events)
    if events:
        statements.mark_done(consumer, [event_id for event_id, _ in events])
    with_secret_data = [event_id for event_id, event in events if event is not None and event.sealed is not None]
    if with_secret_data:
        delete_secret_data(*with_secret_data)


def _refuse(consumer: str, claimed: ClaimedRow, failure: PermanentFailure) -> None:
    reason = str(failure)
    log.warning("event handler rejected the request", extra=_context(consumer, claimed) | {"reason": reason[:200]})
    with transaction():
        statements.end(consumer, claimed, "refused", storable_text(reason)[:500])
        delete_secret_data(claimed.event_id)


def _reschedule(consumer: str, claimed: ClaimedRow, error: Exception) -> None:
    """Release the row with a later due time. After the last attempt it becomes a dead letter."""
    due_at = utcnow() + backoff(claimed.attempts, base=1, cap=300)
    status = "dead" if claimed.attempts >= MAX_ATTEMPTS else "pending"
    text = storable_text(f"{type(error).__name__}: {error}")[:500]
    statements.reschedule(consumer, claimed, status, due_at, text)


def _move_to_dead_letters(consumer: str, claimed: ClaimedRow) -> None:
    """End an event whose every attempt has killed its worker."""
    statements.end(consumer, claimed, "dead")
    log.error("event handler failed permanently; moved to dead letters", extra=_context(consumer, claimed))


def _context(consumer: str, claimed: ClaimedRow) -> dict[str, str]:
    return {"consumer": consumer, "event_id": str(claimed.event_id)}


def _raise_all(failures: Sequence[Exception]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("events of a batch could not be handled", failures)
