"""The types of events, with the schemas of their data."""

from __future__ import annotations

from heidi_common.interceptors.conditional import tagged
from heidi_common.jwt.guards import authenticated
from heidi_common.messaging.event_catalog import EventType, event_types
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import events as schemas


@blp.route(f"{BASE}/event-types", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, schemas.EventTypeOut(many=True))
def list_event_types() -> list[EventType]:
    """List the event types, which webhooks subscribe to, with version, JSON Schema and example of each."""
    return list(event_types())
