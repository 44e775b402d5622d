"""The own inbox as Server-Sent Events."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from uuid import UUID

import orjson
from flask import Flask, Response, current_app

from heidi_common.database.session import db
from heidi_common.interceptors.event_stream import ServerSentEvent, access_check, last_event_id, stream_response
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.problems import TooMany
from heidi_common.runtime import current_settings
from heidi_services.notification.schemas import NotificationOut
from heidi_services.notification.service import stream
from heidi_services.notification.service.stream_hub import Hub, Place, Reader

POLL_SECONDS = 2.0
"""How long a stream may outlive its session."""
STREAMS_PER_PERSON = 10
_OUT = NotificationOut()

blp = Blueprint("notification-stream", __name__, description="The own inbox, live")


@blp.route("/api/v1/notifications/stream", methods=["GET"])
@authenticated
@blp.response(200, content_type="text/event-stream", description="Events `notification`, each with the notification")
def open_stream() -> Response:
    """`Last-Event-ID` replays what came since; comments keep the line open. It ends with the access token."""
    user_id, hub = caller().id, _hub()
    if hub.count(user_id) >= STREAMS_PER_PERSON:
        raise TooMany(f"{STREAMS_PER_PERSON} streams are open already.", retry_after=5)
    start = last_event_id()
    start = stream.last_place(user_id) if start is None else start
    db.session.rollback()  # neither the opening nor an open stream holds a connection
    is_authorized = access_check()
    reader = hub.open(user_id, start)
    return stream_response(
        start,
        _events(reader),
        is_authorized,
        keep_alive="still here",
        opening_comment="open",
        on_close=lambda: hub.close(reader),
    )


def _events(reader: Reader) -> Iterator[ServerSentEvent | None]:
    """What the hub offers to this reader, until it drops it; None while there is nothing."""
    while True:
        try:
            place = reader.waiting.get(timeout=POLL_SECONDS)
        except queue.Empty:
            yield None
            continue
        if place is None:
            return
        yield ServerSentEvent(place[0], "notification", place[1])


def _hub() -> Hub:
    """The hub of this process: made on first use, after any fork."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def load(user_id: UUID, place: int, limit: int) -> Sequence[Place]:
        with app.app_context():
            rows = stream.after_place(user_id, place, limit)
            return [(row.stream_id or 0, orjson.dumps(_OUT.dump(row)).decode()) for row in rows]

    hub: Hub = app.extensions.setdefault("notification-hub", Hub(current_settings().database_url, load))
    return hub
