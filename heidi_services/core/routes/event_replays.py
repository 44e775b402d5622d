"""Replays of past events to one subscriber or one endpoint."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, tagged
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard
from heidi_common.messaging.subscribers import SUBSCRIBERS, Subscriber
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.core.models import EventReplay
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import replays as schemas
from heidi_services.core.service import event_replays, replay_endpoint

REPLAYS = f"{BASE}/events/replays"


@blp.route(f"{BASE}/subscribers", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, schemas.SubscriberOut(many=True))
def list_subscribers() -> list[Subscriber]:
    """List the subscribers inside the platform to which events can be replayed."""
    return [SUBSCRIBERS[name] for name in event_replays.replayable_subscribers()]


@blp.route(REPLAYS, methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.EventReplayIn)
@blp.response(202, schemas.EventReplayOut)
def create_replay(body: dict[str, Any]) -> EventReplay:
    """Replay past events to a subscriber or an endpoint, by type and time. They come beside current events.

    One receiver has one replay at a time (409 otherwise). An endpoint that fails gets no more until it responds.
    """
    integration_id = body.get("integration_id")
    if integration_id is not None:
        replay_endpoint.require_receiver(integration_id, body["types"])
    return event_replays.create(
        subscriber=body.get("subscriber"),
        integration_id=integration_id,
        types=body["types"],
        start=body["start"],
        end=body["end"],
        requested_by=caller().id,
    )


@blp.route(REPLAYS, methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.EventReplayQuery, location="query")
@blp.response(200, schemas.EventReplayOut(many=True))
def list_replays(query: dict[str, Any]) -> Page:
    """List replays, newest first."""
    return event_replays.find(**query)


@blp.route(f"{REPLAYS}/<uuid:replay_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.EventReplayOut)
def get_replay(replay_id: UUID) -> EventReplay:
    """Show the progress of a replay."""
    replay = event_replays.get(replay_id)
    etag(replay)
    return replay


@blp.route(f"{REPLAYS}/<uuid:replay_id>/cancel", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(200, schemas.EventReplayOut)
def cancel_replay(replay_id: UUID) -> EventReplay:
    """Cancel a replay: events whose handling has not begun are withdrawn. One that has ended is a 409."""
    return event_replays.cancel(replay_id, requested_by=caller().id)
