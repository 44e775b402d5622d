"""Server-Sent Events: the log of facts, written as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import cast

from flask import Flask, Response, current_app, request

from heidi_common.jwt.guards import authenticate
from heidi_common.problems import BadRequest, Unauthorized
from heidi_common.server import shutdown
from heidi_services.core.service.event_stream import Entry, Tail, entries, wants

_SIGN_OF_LIFE_SECONDS = 15.0


def respond(type: str | None, subject: str | None) -> Response:
    """A stream that lasts as long as the listener's session."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    tail: Tail = app.extensions.setdefault("heidi_event_tail", Tail(app))
    token = request.headers["Authorization"].partition(" ")[2]
    start = _last_event_id()
    start = tail.newest() if start is None else start
    found = entries(tail, start, _welcome(app, token), wants(type, subject))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_written(start, found), mimetype="text/event-stream", headers=headers)


def _last_event_id() -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise BadRequest("Last-Event-ID is not an id of this stream.", code="bad_last_event_id")
    return int(given)


def _welcome(app: Flask, token: str) -> Callable[[], bool]:
    """Looked at about every second: a sign-out ends the stream, too."""
    asked = 0.0

    def welcome() -> bool:
        nonlocal asked
        if shutdown.requested.is_set():
            return False
        if time.monotonic() - asked < 1.0:
            return True
        asked = time.monotonic()
        with app.app_context():
            try:
                return authenticate(token).is_admin
            except Unauthorized:
                return False

    return welcome


def _written(start: int, found: Iterator[Entry | None]) -> Iterator[str]:
    """The first lines open the stream at once, with the place to come back to for who is shown nothing; a comment now
    and then keeps proxies from closing it."""
    yield f"id: {start}\nretry: 2000\n\n"
    said = time.monotonic()
    for entry in found:
        if entry is not None:
            yield f"id: {entry.position}\nevent: {entry.type}\ndata: {entry.json}\n\n"
        elif time.monotonic() - said >= _SIGN_OF_LIFE_SECONDS:
            yield ": alive\n\n"
        else:
            continue
        said = time.monotonic()
