"""The own inbox as Server-Sent Events."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import orjson
from flask import Flask, Response, current_app, request

from heidi_common.database.session import db
from heidi_common.identity import revocation
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import Caller, authenticated, caller
from heidi_common.problems import BadRequest, TooMany
from heidi_common.runtime import current_settings
from heidi_common.server import shutdown
from heidi_services.notification.schemas import NotificationOut
from heidi_services.notification.service import stream
from heidi_services.notification.service.stream_hub import Hub, Place, Reader

HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 2.0
"""How long a stream may outlive its session."""
STREAMS_PER_PERSON = 10
_OUT = NotificationOut()

blp = Blueprint("notification-stream", __name__, description="The own inbox, live")


@blp.route("/api/v1/notifications/stream", methods=["GET"])
@authenticated
@blp.response(200, content_type="text/event-stream", description="Events `notification`, each with the notification")
def open_stream() -> Response:
    """`Last-Event-ID` replays what came since; comments keep the line open. It ends with the access token."""
    who, hub = caller(), _hub()
    if hub.count(who.id) >= STREAMS_PER_PERSON:
        raise TooMany(f"{STREAMS_PER_PERSON} streams are open already.", retry_after=5)
    given = _last_event_id()
    place = stream.last_place(who.id) if given is None else given
    db.session.rollback()  # neither the opening nor an open stream holds a connection
    reader = hub.open(who.id, place)
    response = Response(_events(reader, place, _lives(who)), mimetype="text/event-stream")
    response.call_on_close(lambda: hub.close(reader))  # also when nobody ever reads, as after a HEAD
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events(reader: Reader, place: int, lives: Callable[[], bool]) -> Iterator[str]:
    # The id, so that a listener who has been shown nothing yet comes back to this place, too.
    yield f"id: {place}\nretry: 2000\n: open\n\n"
    said = time.monotonic()
    while lives() and not shutdown.requested.is_set():
        try:
            found = reader.waiting.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            if time.monotonic() - said < HEARTBEAT_SECONDS:
                continue
            yield ": still here\n\n"
        else:
            if found is None or not lives():
                return
            yield f"id: {found[0]}\nevent: notification\ndata: {found[1]}\n\n"
        said = time.monotonic()


def _lives(who: Caller) -> Callable[[], bool]:
    """Whether the token behind a stream is still good: not expired, its session not ended."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    session_id, version, ends = who.session_id, int(who.claims["ver"]), float(who.claims["exp"])
    assert session_id is not None

    def lives() -> bool:
        if time.time() >= ends:
            return False
        with app.app_context():
            return revocation.is_session_active(session_id, who.id, version)

    return lives


def _last_event_id() -> int | None:
    raw = request.headers.get("Last-Event-ID", "").strip()
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 19):
        raise BadRequest("The Last-Event-ID is not one of ours.", code="bad_last_event_id")
    return int(raw)


def _hub() -> Hub:
    """The hub of this process: made on first use, after any fork."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def load(user_id: UUID, place: int, limit: int) -> Sequence[Place]:
        with app.app_context():
            found = stream.after_place(user_id, place, limit)
            return [(row.stream_id or 0, orjson.dumps(_OUT.dump(row)).decode()) for row in found]

    hub: Hub = app.extensions.setdefault("notification-hub", Hub(current_settings().database_url, load))
    return hub
