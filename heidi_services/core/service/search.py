"""One search over all services, with the caller's permissions: it asks the services with the caller's token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import all_event_types
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.peers.client import call_peers, caller_headers
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_services.core.models import Operation

LIMIT = 5
"""Results of each kind."""
API = "/api/v1"
JSON = dict[str, Any]
STAFF = (Role.ADMIN, Role.MODERATOR)


class Hit(NamedTuple):
    """A result: what it is, its name, a line that tells it from others, and its URL in the API."""

    kind: str
    id: str
    title: str
    detail: str | None
    link: str


class Source(NamedTuple):
    """Where results of one kind come from.

    Attributes:
        kind: The kind of its results.
        service: The service that has them.
        path: Its list, which takes `q`.
        by_id: The path of a single one; `{id}` stands for its ID.
        describe: Returns title and detail of an item.
        roles: Who may search. Everyone may look up what the service shows them by its ID.
    """

    kind: str
    service: str
    path: str | None
    by_id: str
    describe: Callable[[JSON], tuple[str, str | None]]
    roles: Sequence[Role] = tuple(Role)


def _user(item: JSON) -> tuple[str, str | None]:
    name = " ".join(filter(None, (item.get("firstName"), item.get("lastName"))))
    return name or item["email"], item["email"] if name else item.get("role")


SOURCES = (
    Source("user", "users", f"{API}/users", f"{API}/users/{{id}}", _user, STAFF),
    Source(
        "city",
        "city",
        f"{API}/cities/search",
        f"{API}/cities/{{id}}",
        lambda item: (item["name"], ", ".join(filter(None, (item.get("stateName"), item.get("country"))))),
    ),
    Source(
        "message",
        "notification",
        None,
        f"{API}/notifications/{{id}}",
        lambda item: (item.get("subject") or item["channel"], f"{item['channel']} {item['status']}"),
    ),
    Source(
        "schedule",
        "scheduler",
        f"{API}/schedules",
        f"{API}/schedules/{{id}}",
        lambda item: (item["name"], item["action"]),
        (Role.ADMIN,),
    ),
    Source(
        "integration",
        "integration",
        f"{API}/integrations",
        f"{API}/integrations/{{id}}",
        lambda item: (item["name"], item["provider"]),
    ),
)


def search(q: str, caller: Caller) -> tuple[list[Hit], list[str]]:
    """Find users, cities, messages (by ID), schedules, integrations, operations (by ID) and events.

    Args:
        q: A part of a name, an ID, or an event type.
        caller: The user. Others' data is left out as the services decide.

    Returns:
        At most LIMIT results of each kind, and the names of the services that did not respond.
    """
    identity = _as_id(q)
    calls = _calls(q, identity, caller)
    responses = call_peers(calls)
    hits = [hit for source in SOURCES for hit in _hits(source, responses.get(source.kind))]
    if caller.is_admin:
        hits += _operations(identity) + _events(q, identity)
    return hits, sorted({calls[kind].service for kind, response in responses.items() if _is_unavailable(response)})


def _calls(q: str, identity: UUID | None, caller: Caller) -> dict[str, PeerRequest]:
    headers = caller_headers()
    if identity is not None:
        paths = {source: source.by_id.format(id=identity) for source in SOURCES}
        return {source.kind: PeerRequest(source.service, path, headers=headers) for source, path in paths.items()}
    query = {"q": q, "limit": LIMIT}
    return {
        source.kind: PeerRequest(source.service, source.path, query, headers=headers)
        for source in SOURCES
        if source.path is not None and caller.role in source.roles
    }


def _hits(source: Source, response: PeerResponse | None) -> list[Hit]:
    """A rejected search (too short for this service) and a missing row give no results."""
    if response is None or not response.ok:
        return []
    items = response.data if isinstance(response.data, list) else [response.data]
    return [Hit(source.kind, item["id"], *source.describe(item), source.by_id.format(id=item["id"])) for item in items]


def _is_unavailable(response: PeerResponse) -> bool:
    return response.status is None or response.status >= 500 or response.status == 429


def _operations(identity: UUID | None) -> list[Hit]:
    operation = None if identity is None else db.session.get(Operation, identity)
    if operation is None:
        return []
    link = f"{API}/core/operations/{operation.id}"
    return [Hit("operation", str(operation.id), operation.type, operation.status, link)]


def _events(q: str, identity: UUID | None) -> list[Hit]:
    """The event with an ID, the latest events about a row with this ID, and the event types whose name has the text."""
    if identity is None:
        types = (event.type for event in all_event_types() if q.lower() in event.type)
        link = f"{API}/core/events?type="
        return [Hit("eventType", name, name, None, link + name) for name in list(types)[:LIMIT]]
    about = select(OutboxEvent).where(OutboxEvent.subject == str(identity), OutboxEvent.position.is_not(None))
    latest = list(db.session.scalars(about.order_by(OutboxEvent.position.desc()).limit(LIMIT)))
    event = db.session.get(OutboxEvent, identity)
    return [_event(each) for each in ([event] if event else []) + latest]


def _event(event: OutboxEvent) -> Hit:
    return Hit("event", str(event.id), event.type, event.subject, f"{API}/core/events?subject={event.subject}")


def _as_id(q: str) -> UUID | None:
    try:
        return UUID(q.strip())
    except ValueError:
        return None
