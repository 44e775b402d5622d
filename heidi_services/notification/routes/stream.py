"""A user's own in-app messages as Server-Sent Events."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from uuid import UUID

import orjson
from flask import Flask, Response, current_app

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.interceptors.event_stream import ServerSentEvent, access_check, last_event_id, stream_response
from heidi_common.interceptors.open_streams import limits_streams
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.openapi.headers import LAST_EVENT_ID, documents
from heidi_common.runtime import per_app
from heidi_services.notification.schemas.notifications import NotificationOut
from heidi_services.notification.service import stream
from heidi_services.notification.service.stream_hub import StreamHub, StreamItem

POLL_SECONDS = 2.0
"""How long a stream can outlive its session."""
_OUT = NotificationOut()
Pending = queue.SimpleQueue[StreamItem | None]

blp = Blueprint("notification-stream", __name__, description="Your in-app messages as a live stream")


@blp.route("/api/v1/notifications/stream", methods=["GET"])
@authenticated
@documents(LAST_EVENT_ID)
@blp.response(
    200, content_type="text/event-stream", description="Events `notification`, each with the notification, and `reset`"
)
@limits_streams
def open_stream() -> Response:
    """Stream your in-app messages. `Last-Event-ID` replays later ones; the stream ends with the access token."""
    user_id, hub = caller().id, stream_hub()
    start = stream.start_of(user_id, last_event_id())
    db.session.rollback()  # an open stream holds no connection, nor does opening one
    is_authorized = access_check()
    pending: Pending = queue.SimpleQueue()
    subscriber = hub.open(user_id, start.position, pending)
    return stream_response(
        start,
        _events(pending),
        is_authorized,
        keep_alive="keep-alive",
        opening_comment="open",
        on_close=lambda: hub.close(subscriber),
    )


def _events(pending: Pending) -> Iterator[ServerSentEvent | None]:
    """Yield a subscriber's items until the hub ends it; None while there are none."""
    while True:
        try:
            item = pending.get(timeout=POLL_SECONDS)
        except queue.Empty:
            yield None
            continue
        if item is None:
            return
        yield ServerSentEvent(item.position, "notification", item.data)


@per_app
def stream_hub(settings: Settings) -> StreamHub:
    """The hub of this process. It is created when the first stream is opened, that is, after any fork."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def load(user_id: UUID, position: int, limit: int) -> Sequence[StreamItem]:
        with app.app_context():
            rows = stream.notifications_after(user_id, position, limit)
            return [StreamItem(row.stream_id or 0, orjson.dumps(_OUT.dump(row)).decode()) for row in rows]

    return StreamHub(settings.direct_database_url, load)
