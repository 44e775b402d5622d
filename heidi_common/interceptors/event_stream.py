"""Server-Sent Events: framing, keep-alive comments, headers, and the end of a stream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from flask import Flask, Response, current_app, request

from heidi_common.jwt.authentication import authenticate, bearer_token
from heidi_common.jwt.guards import caller
from heidi_common.problems import BadRequest, Unauthorized
from heidi_common.server import shutdown

KEEP_ALIVE_SECONDS = 15.0
"""After this time without an event, a comment keeps proxies from closing the connection."""
RETRY_MS = 2000
"""How long a client waits before it reconnects."""


@dataclass(frozen=True)
class ServerSentEvent:
    """An event on the wire. `data` must be a single line, such as JSON."""

    id: int
    type: str
    data: str

    def __str__(self) -> str:
        return f"id: {self.id}\nevent: {self.type}\ndata: {self.data}\n\n"


@dataclass(frozen=True)
class StreamStart:
    """Where a stream starts.

    Attributes:
        position: Events after it are sent.
        requested: The `Last-Event-ID` that cannot be resumed from; None if the stream continues without a gap.
        reason: Why: `future` (it is higher than all IDs, as after a restored backup), `expired` (later events were
            deleted) or `unknown` (this stream never sent it).
    """

    position: int
    requested: int | None = None
    reason: str | None = None

    def reset(self) -> Iterator[ServerSentEvent]:
        """The event `reset`, if events may be missing.

        It is an event and not an error status: a browser's EventSource never reconnects after an error status, and
        does not show its reason. The ID of the event replaces the one that cannot be resumed from.
        """
        if self.reason is not None:
            data = {"reason": self.reason, "requested": self.requested, "position": self.position}
            yield ServerSentEvent(self.position, "reset", json.dumps(data))


def last_event_id() -> int | None:
    """Read `Last-Event-ID`, the event after which a client resumes; None without it.

    Raises:
        BadRequest: The header is not an ID that a stream can have sent.
    """
    header = request.headers.get("Last-Event-ID", "").strip()
    if not header:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 19):
        raise BadRequest("`Last-Event-ID` must be the ID of an event of this stream.", code="bad_last_event_id")
    return int(header)


def access_check(*, max_age: float = 0.0) -> Callable[[], bool]:
    """Create a function that checks whether the access token of this request is still valid.

    Args:
        max_age: Seconds for which a positive result is reused; 0 checks the token at every call.

    Returns:
        A function that is False once the token has expired, its key was removed or its session has ended. It needs
        no request context.
    """
    return _AccessCheck(max_age)


class _AccessCheck:
    def __init__(self, max_age: float) -> None:
        self._app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self._token, self._max_age = bearer_token(), max_age
        self._expires_at = time.monotonic() + float(caller().claims["exp"]) - time.time()
        self._reuse_until = 0.0

    def __call__(self) -> bool:
        if time.monotonic() < min(self._reuse_until, self._expires_at):
            return True
        if not self._authenticates():
            return False
        self._reuse_until = time.monotonic() + self._max_age
        return True

    def _authenticates(self) -> bool:
        try:
            with self._app.app_context():
                authenticate(self._token)
        except Unauthorized:
            return False
        return True


def stream_response(
    start: StreamStart,
    events: Iterable[ServerSentEvent | None],
    is_authorized: Callable[[], bool],
    *,
    keep_alive: str,
    opening_comment: str | None = None,
    on_close: Callable[[], object] | None = None,
) -> Response:
    """Create a stream that ends with the access token, with `events`, or when this process stops.

    Args:
        start: Where the stream starts. A client that disconnects before the first event resumes from its position.
        events: Must yield None every second or two while there is no event.
        is_authorized: Whether the access token is still valid. Called before each event and for each None.
        keep_alive: The text of keep-alive comments.
        opening_comment: The text of a comment after the opening lines.
        on_close: Called when the client has disconnected or the stream has ended, even if nothing was read.
    """
    comment = f": {opening_comment}\n" if opening_comment else ""
    opening = f"id: {start.position}\nretry: {RETRY_MS}\n{comment}\n"
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    body = _body(opening, chain(start.reset(), events), is_authorized, f": {keep_alive}\n\n")
    response = Response(body, mimetype="text/event-stream", headers=headers)
    if on_close is not None:
        response.call_on_close(on_close)
    return response


def _body(
    opening: str, events: Iterable[ServerSentEvent | None], is_authorized: Callable[[], bool], comment: str
) -> Iterator[str]:
    yield opening
    written_at = time.monotonic()
    for event in events:
        if shutdown.requested.is_set() or not is_authorized():
            return
        if event is not None:
            yield str(event)
        elif time.monotonic() - written_at >= KEEP_ALIVE_SECONDS:
            yield comment
        else:
            continue
        written_at = time.monotonic()
