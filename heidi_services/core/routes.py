"""The HTTP routes of core."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, after_this_request, g

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.identity.personal_data import PersonalRecordOut, part_query
from heidi_common.interceptors.conditional import etag, tagged
from heidi_common.interceptors.event_stream import ServerSentEvent, access_check, last_event_id, stream_response
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.authentication import has_admin_token
from heidi_common.jwt.guards import authenticated, caller, guard, public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.core import schemas
from heidi_services.core.models import Operation
from heidi_services.core.service import (
    chart_series,
    dead_letters,
    event_log,
    event_stream,
    operations,
    overview,
    profile,
    status,
)
from heidi_services.core.service.event_tail import Entry
from heidi_services.core.service.personal_data import PARTS

blp = Blueprint("core", __name__, description="Status and overview of the platform, the event log, and operations")
blueprints = (blp,)

BASE = "/api/v1/core"


@blp.route(f"{BASE}/status", methods=["GET"])
@public
@blp.response(200, schemas.StatusOut)
def get_status() -> dict[str, Any]:
    """Show which services and dependencies are up; an ADMIN's token also shows the details."""
    latest = status.latest()
    return latest if has_admin_token() else status.for_public(latest)


@blp.route(f"{BASE}/overview", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, schemas.OverviewOut)
def get_overview() -> dict[str, Any]:
    """Show counts and rates over all services, at most 10 seconds old."""
    cached = overview.cached()
    current = cached or overview.build()
    g.meta = overview.meta(current)
    after_this_request(partial(_set_cache_header, is_hit=cached is not None))
    return current["data"]  # type: ignore[no-any-return]


@blp.route(f"{BASE}/overview/series", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.SeriesQuery, location="query")
@blp.response(200, schemas.ChartOut)
def get_series(query: dict[str, Any]) -> dict[str, Any]:
    """Show a metric over time, for charts: per minute for two days, per hour for two years.

    Metrics: `events`, `messages`, `runs`, `deliveries` (attempts of webhooks), `operations`, `signIns`, and
    `deliveryTime`: p50 and p95, in milliseconds, of the time from when messages were due to when they were sent.
    """
    period = chart_series.choose_period(query["start"], query["end"], query["step"], utcnow())
    shown = {"start": period.start, "end": period.end, "step": period.step, "times": period.times}
    return {"metric": query["metric"], "series": chart_series.read_series(query["metric"], period)} | shown


def _set_cache_header(response: Response, *, is_hit: bool) -> Response:
    response.headers["X-Cache"] = "HIT" if is_hit else "MISS"
    return response


@blp.route(f"{BASE}/users/<uuid:user_id>/profile", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, schemas.ProfileOut)
def get_profile(user_id: UUID) -> dict[str, Any]:
    """Show a user's account, notifications, integrations and sessions in one response."""
    sections, g.meta = profile.build(user_id, caller())
    return sections


@blp.route(f"{BASE}/personal-data", methods=["GET"])
@authenticated
@blp.arguments(part_query(PARTS), location="query")
@blp.response(200, PersonalRecordOut(many=True))
def list_personal_data(query: dict[str, Any]) -> Page:
    """List one part of the data that this service stores about you. `GET /users/me/export` collects all parts."""
    return PARTS[query.pop("part")].page(caller().id, **query)


@blp.route(f"{BASE}/events", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventLogQuery, location="query")
@blp.response(200, schemas.LoggedEventOut(many=True))
def list_events(query: dict[str, Any]) -> Page:
    """List the events of all services, in the order in which they were committed."""
    return event_log.find(**query)


@blp.route(f"{BASE}/events/stream", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventFilter, location="query")
@blp.response(200, content_type="text/event-stream", description="Server-Sent Events; IDs are positions in the log.")
def stream_events(query: dict[str, Any]) -> Response:
    """Stream new events; with `Last-Event-ID`, starting after that position."""
    tail, start = event_stream.current_tail(), last_event_id()
    start = tail.newest() if start is None else start
    is_selected = event_stream.entry_filter(query.get("type"), query.get("subject"))
    events = map(_server_sent_event, event_stream.entries(tail, start, is_selected))
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


@blp.route(f"{BASE}/operations", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.OperationIn)
@blp.response(202, schemas.OperationOut)
def create_operation(body: dict[str, Any]) -> Operation:
    """Request an operation. It calls the services on behalf of the caller, who must still be an ADMIN at each step."""
    return operations.create(body["type"], body["input"], requested_by=caller().id)


@blp.route(f"{BASE}/operations", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.OperationQuery, location="query")
@blp.response(200, schemas.OperationOut(many=True))
def list_operations(query: dict[str, Any]) -> Page:
    """List operations by type and status, newest first."""
    return operations.find(**query)


@blp.route(f"{BASE}/operations/<uuid:operation_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.OperationOut)
def get_operation(operation_id: UUID) -> Operation:
    """Show an operation with the result of each step, and which steps were undone."""
    operation = operations.get(operation_id)
    etag(operation)
    return operation
