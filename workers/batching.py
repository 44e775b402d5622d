"""Wake-up messages for many rows: one message carries up to 100 IDs of one actor, so that their work shares its costs.

The rows of a message are processed by one thread, one after the other. Rows whose work waits for the outside share a
message with few others or none, so that all threads take part and a slow receiver delays few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

from dramatiq import Message

from heidi_common.database.session import db
from heidi_common.logger.causes import Cause, row_cause
from workers.actors import hint

LARGEST = 100
OUTSIDE = 10
"""The most rows of a message when their work may wait for another system, such as a mail server."""
SHARES = 8
"""Rows that become due together are divided into this many messages, as many as a worker process has threads."""

LARGEST_BY_ACTOR: Mapping[str, int] = {
    "deliver_webhook": 1,  # continues with the other due deliveries of its endpoint
    "carry_out_operation": 1,
    "replay_events": 1,
    "run_outbound": 1,
    "run_sync": 1,
    "process_file": 1,
    "import_users": 1,
    "import_cities": 1,
}
"""Actors whose messages carry fewer rows than LARGEST."""

Wakeable: TypeAlias = tuple[str, Cause]
"""The ID of a row and what caused it."""


def hints(queue: str, name: str, rows: Iterable[Wakeable], *, largest: int = LARGEST) -> list[Message[Any]]:
    """Make the wake-up messages for rows, in their order.

    Args:
        queue: The queue of the actor.
        name: The name of the actor.
        rows: The rows; an ID that occurs again is left out.
        largest: The most rows of one message. The actor may have a smaller limit.
    """
    distinct = list(dict(rows).items())
    size = chunk_size(len(distinct), min(largest, LARGEST_BY_ACTOR.get(name, LARGEST)))
    return [_batch_hint(queue, name, chunk) for chunk in _chunks(distinct, size)]


def chunk_size(rows: int, largest: int) -> int:
    """How many of `rows` rows share a message."""
    return max(1, min(largest, -(-rows // SHARES)))


def row_causes(args: Sequence[str], options: Mapping[str, Any]) -> dict[str, Cause]:
    """The causes of a message's rows, by the ID of the row; empty if all rows have the same."""
    request_ids, traceparents = (_values(options.get(name), args) for name in ("request_ids", "traceparents"))
    if not any(request_ids) and not any(traceparents):
        return {}
    return dict(zip(args, map(Cause, request_ids, traceparents), strict=False))


def _values(option: object, args: Sequence[str]) -> Sequence[str | None]:
    """An option with a value for each row. Messages of the previous release have no traces."""
    return option if isinstance(option, list | tuple) else [None] * len(args)


def process_each(ids: Iterable[str], process: Callable[[UUID], object]) -> None:
    """Process the rows of a message one after the other. A failure does not affect the other rows.

    Raises:
        Exception: What was raised for the row that failed, or a group of exceptions, once all rows were processed.
    """
    failures: list[Exception] = []
    for number, row_id in enumerate(ids):
        if number:
            db.session.remove()  # each row starts as if it had a message of its own
        try:
            with row_cause(row_id):
                process(UUID(row_id))
        except Exception as failure:
            failures.append(failure)
    raise_all(failures)


def raise_all(failures: Sequence[Exception]) -> None:
    """Raise the only failure, or all of them as a group; nothing if there is none."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("rows of a wake-up message failed", failures)


def _batch_hint(queue: str, name: str, rows: Sequence[Wakeable]) -> Message[Any]:
    causes = [cause for _, cause in rows]
    message = hint(queue, name, *(row_id for row_id, _ in rows), cause=causes[0])
    if len(set(causes)) > 1:
        message.options["request_ids"] = [cause.request_id for cause in causes]
        if any(cause.traceparent for cause in causes):
            message.options["traceparents"] = [cause.traceparent for cause in causes]
    return message


def _chunks(rows: Sequence[Wakeable], size: int) -> Iterator[list[Wakeable]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, size)):
        yield chunk
