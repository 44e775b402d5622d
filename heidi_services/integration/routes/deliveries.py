"""Deliveries: the events that are forwarded to an integration's `webhookUrl`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.interceptors.conditional import set_etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.integration.models import Delivery
from heidi_services.integration.routes.integrations import INTEGRATION, blp, readable
from heidi_services.integration.schemas import deliveries as schemas
from heidi_services.integration.service import queries
from heidi_services.integration.service.deliveries import deliveries, manual_retry
from heidi_services.integration.service.deliveries.delivery_recovery import recover_deliveries


@blp.route(f"{INTEGRATION}/deliveries", methods=["GET"])
@readable
@blp.arguments(schemas.DeliveryQuery, location="query")
@blp.response(200, schemas.DeliveryOut(many=True))
def list_deliveries(query: dict[str, Any], integration_id: UUID) -> Page:
    """List the deliveries to the `webhookUrl`, newest first."""
    integration = queries.get_visible(integration_id, caller())
    return deliveries.list_deliveries(integration.id, query)


@blp.route(f"{INTEGRATION}/deliveries/<uuid:delivery_id>", methods=["GET"])
@readable
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.DeliveryDetailOut)
def get_delivery(integration_id: UUID, delivery_id: UUID) -> Delivery:
    """Get a delivery with all its attempts."""
    integration = queries.get_visible(integration_id, caller())
    delivery = deliveries.get_delivery(integration.id, delivery_id)
    set_etag(f'"{delivery.id.hex}.{delivery.updated_at.timestamp():.6f}"')
    return delivery


@blp.route(f"{INTEGRATION}/deliveries/<uuid:delivery_id>/retry", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.DeliveryOut)
def retry_delivery(integration_id: UUID, delivery_id: UUID) -> Delivery:
    """Retry a delivery now, instead of at its scheduled time. Failed and delivered ones are sent again."""
    return manual_retry.retry_delivery(queries.get_visible(integration_id, caller()), delivery_id)


@blp.route(f"{INTEGRATION}/recover", methods=["POST"])
@authenticated
@idempotent
@blp.arguments(schemas.RecoverIn)
@blp.response(202, schemas.RecoveredOut)
def recover(body: dict[str, Any], integration_id: UUID) -> dict[str, int]:
    """Retry deliveries that failed since a time, and send up to 1,000 events that were missed. Repeat for more."""
    integration = queries.get_visible(integration_id, caller())
    return {"recovered": recover_deliveries(integration, body["since"])}
