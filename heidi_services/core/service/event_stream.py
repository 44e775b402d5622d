"""The event log as an endless sequence of entries, for one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Flask, current_app

from heidi_common.messaging.events import matches
from heidi_services.core.service.event_tail import Entry, Tail


def current_tail() -> Tail:
    """Return the tail of this process. It is created on first use, after any fork."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    tail: Tail = app.extensions.setdefault("heidi_event_tail", Tail(app))
    return tail


def entries(tail: Tail, position: int, is_selected: Callable[[Entry], bool]) -> Iterator[Entry | None]:
    """Yield the selected entries after `position`, without end.

    Yields:
        An entry, or None about every second while there is none.
    """
    while True:
        batch = tail.after(position, timeout=1.0)
        selected = [entry for entry in batch if is_selected(entry)]
        position = batch[-1].position if batch else position
        if selected:
            yield from selected
        else:
            yield None


def entry_filter(type: str | None, subject: str | None) -> Callable[[Entry], bool]:
    """Make a predicate for entries of a type or pattern (`user.*`) and of a subject; None matches all."""

    def is_selected(entry: Entry) -> bool:
        return (type is None or matches(type, entry.type)) and (subject is None or entry.subject == subject)

    return is_selected
