"""The event log and the dead letters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.event_stream import ServerSentEvent, access_check, last_event_id, stream_response
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.open_streams import limits_streams
from heidi_common.jwt.guards import guard
from heidi_common.openapi.headers import LAST_EVENT_ID, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import events as schemas
from heidi_services.core.service import dead_letters, event_log, event_stream
from heidi_services.core.service.event_tail import Entry


@blp.route(f"{BASE}/events", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventLogQuery, location="query")
@blp.response(200, schemas.LoggedEventOut(many=True))
def list_events(query: dict[str, Any]) -> Page:
    """List the events of all services, in the order in which they were committed."""
    return event_log.find(**query)


@blp.route(f"{BASE}/events/stream", methods=["GET"])
@guard(Role.ADMIN)
@documents(LAST_EVENT_ID)
@blp.arguments(schemas.EventFilter, location="query")
@blp.response(
    200,
    content_type="text/event-stream",
    description="Server-Sent Events; IDs are positions in the log. `reset` if some may be missing.",
)
@limits_streams
def stream_events(query: dict[str, Any]) -> Response:
    """Stream new events; with `Last-Event-ID`, starting after that position."""
    tail = event_stream.current_tail()
    start = tail.start_of(last_event_id())
    is_selected = event_stream.entry_filter(query.get("type"), query.get("subject"))
    events = map(_server_sent_event, event_stream.entries(tail, start.position, is_selected))
    return stream_response(start, events, access_check(max_age=1.0), keep_alive="alive")


def _server_sent_event(entry: Entry | None) -> ServerSentEvent | None:
    return None if entry is None else ServerSentEvent(entry.position, entry.type, entry.json)


@blp.route(f"{BASE}/events/dead", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.DeadLetterOut(many=True))
def list_dead_letters(query: dict[str, Any]) -> Page:
    """List dead letters: events that a subscriber failed to handle too often."""
    return dead_letters.find(**query)


@blp.route(f"{BASE}/events/dead/<uuid:event_id>/replay", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.DeadLetterQuery, location="query")
@blp.response(202, schemas.AffectedSubscribersOut)
def replay_dead_letter(query: dict[str, Any], event_id: UUID) -> dict[str, int]:
    """Let the subscribers of a dead letter (or one of them) handle it again."""
    return {"subscribers": dead_letters.replay(event_id, query["consumer"])}


@blp.route(f"{BASE}/events/dead/<uuid:event_id>/discard", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.DeadLetterQuery, location="query")
@blp.response(200, schemas.AffectedSubscribersOut)
def discard_dead_letter(query: dict[str, Any], event_id: UUID) -> dict[str, int]:
    """Give up a dead letter for its subscribers (or one of them)."""
    return {"subscribers": dead_letters.discard(event_id, query["consumer"])}
