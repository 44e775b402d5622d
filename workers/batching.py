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
from heidi_common.logger.request_id import row_request_id
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

Wakeable: TypeAlias = tuple[str, str | None]
"""The ID of a row and the ID of the request that caused it."""


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


def request_ids(args: Sequence[str], options: Mapping[str, Any]) -> dict[str, str | None]:
    """The request IDs of a message's rows, by the ID of the row; empty if all rows have the same."""
    ids = options.get("request_ids")
    return dict(zip(args, ids, strict=False)) if isinstance(ids, list | tuple) else {}


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
            with row_request_id(row_id):
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
    causes = [request_id for _, request_id in rows]
    message = hint(queue, name, *(row_id for row_id, _ in rows), request_id=causes[0])
    if len(set(causes)) > 1:
        message.options["request_ids"] = causes
    return message


def _chunks(rows: Sequence[Wakeable], size: int) -> Iterator[list[Wakeable]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, size)):
        yield chunk
