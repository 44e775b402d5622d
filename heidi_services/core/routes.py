"""The HTTP door."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, after_this_request, g, request
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag
from heidi_common.interceptors.event_stream import ServerSentEvent, access_check, last_event_id, stream_response
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.authentication import authenticate
from heidi_common.jwt.guards import authenticated, caller, guard, public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.problems import Unauthorized
from heidi_common.schemas.base import PageQuery
from heidi_services.core import schemas
from heidi_services.core.models import Operation
from heidi_services.core.service import dead_letters, event_log, event_stream, operations, overview, profile, status

blp = Blueprint("core", __name__, description="The whole platform at one glance, and what crosses services")
blueprints = (blp,)

BASE = "/api/v1/core"


@blp.route(f"{BASE}/status", methods=["GET"])
@public
@blp.response(200, schemas.StatusOut)
def get_status() -> dict[str, Any]:
    """Up or down for each service and dependency; an ADMIN's token shows the details."""
    found = status.latest()
    return found if _is_admin() else status.for_public(found)


def _is_admin() -> bool:
    """On a public route a token that is no longer good is no reason to refuse, nor one that nobody can look up now:
    that the database is away is what the answer is about."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme.lower() == "bearer" and authenticate(token).is_admin
    except (Unauthorized, SQLAlchemyError):
        return False


@blp.route(f"{BASE}/overview", methods=["GET"])
@guard(Role.ADMIN)
@blp.response(200, schemas.OverviewOut)
def get_overview() -> dict[str, Any]:
    """Counts and rates over all services, at most some seconds old."""
    kept = overview.cached()
    found = kept or overview.make()
    g.meta = {"unavailable": found["unavailable"]}
    after_this_request(lambda response: _mark_cache(response, hit=kept is not None))
    return found["data"]  # type: ignore[no-any-return]


def _mark_cache(response: Response, *, hit: bool) -> Response:
    response.headers["X-Cache"] = "HIT" if hit else "MISS"
    return response


@blp.route(f"{BASE}/users/<uuid:user_id>/profile", methods=["GET"])
@authenticated
@blp.response(200, schemas.ProfileOut)
def get_profile(user_id: UUID) -> dict[str, Any]:
    """A person's account, inbox, integrations and sessions in one answer."""
    found, unavailable = profile.profile(user_id, caller())
    g.meta = {"unavailable": unavailable}
    return found


@blp.route(f"{BASE}/events", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventQuery, location="query")
@blp.response(200, schemas.EventOut(many=True))
def list_events(query: dict[str, Any]) -> Page:
    """Every fact of the platform, in the order of commits."""
    return event_log.find(**query)


@blp.route(f"{BASE}/events/stream", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventFilter, location="query")
@blp.response(200, content_type="text/event-stream", description="Server-Sent Events; ids are positions in the log.")
def stream_events(query: dict[str, Any]) -> Response:
    """The facts as they come; `Last-Event-ID` replays what came since."""
    tail, start = event_stream.current_tail(), last_event_id()
    start = tail.newest() if start is None else start
    entries = event_stream.entries(tail, start, event_stream.wants(query.get("type"), query.get("subject")))
    return stream_response(start, map(_server_sent, entries), access_check(max_age=1.0), keep_alive="alive")


def _server_sent(entry: event_stream.Entry | None) -> ServerSentEvent | None:
    return None if entry is None else ServerSentEvent(entry.position, entry.type, entry.json)


@blp.route(f"{BASE}/events/dead", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.DeadEventOut(many=True))
def list_dead(query: dict[str, Any]) -> Page:
    """Facts that a subscriber could not digest."""
    return dead_letters.find(**query)


@blp.route(f"{BASE}/events/dead/<uuid:event_id>/replay", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(schemas.DeadChoice, location="query")
@blp.response(202, schemas.SettledOut)
def replay_dead(query: dict[str, Any], event_id: UUID) -> dict[str, int]:
    """Its subscribers (or one of them) try again."""
    return {"subscribers": dead_letters.replay(event_id, query["consumer"])}


@blp.route(f"{BASE}/events/dead/<uuid:event_id>/discard", methods=["POST"])
@guard(Role.ADMIN)
@blp.arguments(schemas.DeadChoice, location="query")
@blp.response(200, schemas.SettledOut)
def discard_dead(query: dict[str, Any], event_id: UUID) -> dict[str, int]:
    """Nobody needs to digest it any more."""
    return {"subscribers": dead_letters.discard(event_id, query["consumer"])}


@blp.route(f"{BASE}/operations", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.OperationIn)
@blp.response(202, schemas.OperationOut)
def request_operation(body: dict[str, Any]) -> Operation:
    """Ask for an operation; it acts with the authority of who asks."""
    authorization = request.headers["Authorization"]
    return operations.request(body["type"], body["input"], requested_by=caller().id, authorization=authorization)


@blp.route(f"{BASE}/operations", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.OperationQuery, location="query")
@blp.response(200, schemas.OperationOut(many=True))
def list_operations(query: dict[str, Any]) -> Page:
    """Operations, latest first, by type and status."""
    return operations.find(**query)


@blp.route(f"{BASE}/operations/<uuid:operation_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.OperationOut)
def get_operation(operation_id: UUID) -> Operation:
    """An operation with its steps, what became of each, and what was taken back."""
    found = operations.get(operation_id)
    etag(found)
    return found
