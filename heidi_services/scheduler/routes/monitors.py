"""Monitors of jobs that run elsewhere, their pings and the changes of their status."""

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match, set_etag
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.scheduler.models import Monitor, MonitorPing
from heidi_services.scheduler.routes.blueprint import BASE, WRITE, blp
from heidi_services.scheduler.schemas import monitors as schemas
from heidi_services.scheduler.service.monitors import changes, queries

MONITORS = f"{BASE}/monitors"
MONITOR = f"{MONITORS}/<uuid:monitor_id>"


@blp.route(MONITORS, methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.arguments(schemas.MonitorIn)
@blp.response(201, schemas.MonitorOut)
def create_monitor(body: dict[str, Any]) -> Monitor:
    """Create a monitor. Its job reports to `pingUrl`, without a token: everyone who knows the URL can ping."""
    monitor = changes.create_monitor(body, caller())
    etag(monitor)
    return monitor


@blp.route(MONITORS, methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.arguments(schemas.MonitorQuery, location="query")
@blp.response(200, schemas.MonitorOut(many=True))
def list_monitors(query: dict[str, Any]) -> Page:
    """List monitors, newest first, filtered by status."""
    return queries.find_monitors(**query)


@blp.route(MONITOR, methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.MonitorOut)
def get_monitor(monitor_id: UUID) -> Monitor:
    """Get a monitor with its status, its last ping and when the next one is expected."""
    monitor = queries.get_monitor(monitor_id)
    etag(monitor)
    return monitor


@blp.route(MONITOR, methods=["PATCH"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_MATCH)
@blp.arguments(schemas.MonitorChange(partial=True))
@blp.response(200, schemas.MonitorOut)
def change_monitor(body: dict[str, Any], monitor_id: UUID) -> Monitor:
    """Change fields of a monitor. A new period counts from the last ping. Honors `If-Match`."""
    monitor = changes.update_monitor(monitor_id, body, version=if_match(), requested_by=caller().id)
    etag(monitor)
    return monitor


@blp.route(MONITOR, methods=["DELETE"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_MATCH)
@blp.response(204)
def delete_monitor(monitor_id: UUID) -> None:
    """Delete a monitor with its history. Honors `If-Match`."""
    changes.delete_monitor(monitor_id, version=if_match(), requested_by=caller().id)


@blp.route(f"{MONITOR}/pause", methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.response(200, schemas.MonitorOut)
def pause_monitor(monitor_id: UUID) -> Monitor:
    """Stop watching a job. Its next ping ends the pause, unless `manualResume` is set."""
    return changes.pause_monitor(monitor_id, requested_by=caller().id)


@blp.route(f"{MONITOR}/resume", methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.response(200, schemas.MonitorOut)
def resume_monitor(monitor_id: UUID) -> Monitor:
    """Watch a paused job again, from its next ping on."""
    return changes.resume_monitor(monitor_id, requested_by=caller().id)


@blp.route(f"{MONITOR}/rotate-key", methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.response(200, schemas.MonitorOut)
def rotate_ping_key(monitor_id: UUID) -> Monitor:
    """Replace the ping URL. The old one is a 404 from then on."""
    return changes.rotate_key(monitor_id, requested_by=caller().id)


@blp.route(f"{MONITOR}/pings", methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.arguments(schemas.PingQuery, location="query")
@blp.response(200, schemas.PingOut(many=True))
def list_pings(query: dict[str, Any], monitor_id: UUID) -> Page:
    """List the pings of a monitor, newest first."""
    return queries.find_pings(monitor_id, **query)


@blp.route(f"{MONITOR}/pings/<uuid:ping_id>", methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.PingDetailOut)
def get_ping(monitor_id: UUID, ping_id: UUID) -> MonitorPing:
    """Get a ping with its body."""
    ping = queries.get_ping(monitor_id, ping_id)
    set_etag(f'"{ping.id.hex}"')
    return ping


@blp.route(f"{MONITOR}/changes", methods=["GET"])
@guard(Role.ADMIN, scopes=WRITE)
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.MonitorChangeOut(many=True))
def list_changes(query: dict[str, Any], monitor_id: UUID) -> Page:
    """List the changes of a monitor's status, newest first."""
    return queries.find_changes(monitor_id, **query)
