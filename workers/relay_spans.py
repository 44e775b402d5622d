"""A batch of the relay belongs to many traces: each event has a span of its own, from its selection to its messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias
from uuid import UUID

from heidi_common.logger.causes import Cause
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.tracing import spans

Causes: TypeAlias = Mapping[UUID, Cause]
"""By the ID of the event: the request that emitted it, and the span of the relay in its trace."""


@contextmanager
def relayed(events: Sequence[OutboxEvent]) -> Iterator[Causes]:
    """Open the spans of a batch, and end them with the block.

    Yields:
        The causes of the messages.
    """
    with ExitStack() as opened:
        yield {event.id: Cause(event.request_id, _open_span(event, opened)) for event in events}


def _open_span(event: OutboxEvent, opened: ExitStack) -> str | None:
    """The span of an event that is recorded; otherwise the span that has emitted it."""
    attributes = {"messaging.system": "heidi.outbox", "messaging.message.id": str(event.id)}
    span = spans.start_detached(f"relay {event.type}", "producer", event.traceparent, attributes)
    if span is None:
        return event.traceparent
    opened.callback(span.end)
    return spans.traceparent_of(span)
