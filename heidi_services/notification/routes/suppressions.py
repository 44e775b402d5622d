"""Suppressed addresses, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_services.notification.models import Suppression
from heidi_services.notification.schemas.suppressions import SuppressionIn, SuppressionOut, SuppressionQuery
from heidi_services.notification.service.recipients import suppressions

blp = Blueprint("notification-suppressions", __name__, description="Addresses to which nothing is sent")


@blp.route("/api/v1/notifications/suppressions", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(SuppressionQuery, location="query")
@blp.response(200, SuppressionOut(many=True))
def list_suppressions(query: dict[str, Any]) -> Page:
    """List addresses that bounced, complained or replied STOP, latest first."""
    paging = {name: query.pop(name) for name in ("limit", "cursor", "total")}
    return suppressions.list_suppressions(query, **paging)


@blp.route("/api/v1/notifications/suppressions", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(SuppressionIn)
@blp.response(201, SuppressionOut)
def add_suppression(body: dict[str, Any]) -> Suppression:
    """Suppress an address, indefinitely or until `expiresAt`. Replaces an existing suppression of the address."""
    channel, address = body.pop("channel"), body.pop("address")
    return suppressions.add_suppression(channel, address, **body, actor=caller().id)


@blp.route("/api/v1/notifications/suppressions/<uuid:suppression_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@blp.response(204)
def remove_suppression(suppression_id: UUID) -> None:
    """Allow sending to this address again."""
    suppressions.remove_suppression(suppression_id, actor=caller().id)
