"""What caused the current work: a request and its trace. Rows that share a wake-up message have one each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from heidi_common.logger.request_id import bound_request_id, request_id
from heidi_common.tracing import spans


class Cause(NamedTuple):
    """The request that caused work, and the span below which the work belongs (`traceparent`)."""

    request_id: str | None = None
    traceparent: str | None = None


NO_CAUSE = Cause()
"""Of work that the clock has found."""


class _Batch(NamedTuple):
    name: str
    causes: Mapping[str, Cause]


_batch: ContextVar[_Batch] = ContextVar("causes_of_rows", default=_Batch("", {}))  # noqa: B039


def current_cause() -> Cause:
    """The current request ID and span, for a message that this work causes."""
    return Cause(request_id(), spans.traceparent())


@contextmanager
def caused_by(cause: Cause, name: str) -> Iterator[None]:
    """Work in the name of a request and in its trace, in a separate span.

    Args:
        cause: The cause. Without a request ID, a random one is used; without a trace, one may begin.
        name: The name of the span.
    """
    with bound_request_id(cause.request_id), spans.entry_span(name, "consumer", cause.traceparent):
        yield


@contextmanager
def bound_row_causes(name: str, causes: Mapping[str, Cause]) -> Iterator[None]:
    """Make the causes of a batch of rows known to `row_cause` in the block, by the ID of the row.

    Args:
        name: The name of the span of each row.
        causes: The causes.
    """
    token = _batch.set(_Batch(name, causes))
    try:
        yield
    finally:
        _batch.reset(token)


@contextmanager
def row_cause(row_id: object) -> Iterator[None]:
    """While one row of a batch is processed, use the cause that came with it; without one, keep the current."""
    batch = _batch.get()
    cause = batch.causes.get(str(row_id), NO_CAUSE)
    if cause == NO_CAUSE:
        yield
        return
    with caused_by(cause, batch.name):
        yield
