"""Requests of clients as routes of this app, so that guards, limits, audit and log apply as in every service.

The router does not pass them on: `backend.Backend` calls them within the process.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.event_stream import StreamStart
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guard, guarded_user
from heidi_realtime import schemas
from heidi_services.core.service import event_stream
from heidi_services.notification.service import stream

BASE = "/realtime"
EVERY_CALLER = guarded_user(scopes=tuple(Scope))

blp = Blueprint("realtime", __name__, description="WebSockets")
blueprints = (blp,)


@blp.route(f"{BASE}/session", methods=["GET"])
@EVERY_CALLER
@blp.response(200, schemas.SocketSessionOut)
def show_session() -> dict[str, Any]:
    """The caller of an access token."""
    current = caller()
    expires_at = datetime.fromtimestamp(current.claims["exp"], UTC)
    address = request.remote_addr
    return {"id": current.id, "is_admin": current.is_admin, "expires_at": expires_at, "address": address}


@blp.route(f"{BASE}/inbox", methods=["GET"])
@authenticated
@blp.arguments(schemas.ResumeQuery, location="query")
@blp.response(200, schemas.StartOut)
def start_inbox(query: dict[str, Any]) -> StreamStart:
    """Where the caller's in-app messages start."""
    return stream.start_of(caller().id, query["last_event_id"])


@blp.route(f"{BASE}/events", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventsQuery, location="query")
@blp.response(200, schemas.StartOut)
def start_events(query: dict[str, Any]) -> StreamStart:
    """Where the event log starts."""
    return event_stream.current_tail().start_of(query["last_event_id"])
