"""The HTTP door: integrations for their owners, and receivers for the providers."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from flask import Response, request

from heidi_common.database.pagination import Page
from heidi_common.interceptors.conditional import etag, if_match, set_etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint, raw_body
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import authenticated, caller, guarded_user, public
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, RAW_BODY, documents
from heidi_common.runtime import current_settings
from heidi_services.integration import schemas
from heidi_services.integration.models import Delivery, Integration, WebhookEvent
from heidi_services.integration.providers import Inbound
from heidi_services.integration.service import (
    connection_check,
    deliveries,
    integration_log,
    integrations,
    received_events,
    sync,
    webhook_receiver,
)

blp = Blueprint("integrations", __name__, description="Ties to providers, their logs, events and deliveries")
receiving = Blueprint("webhooks", __name__, description="Where providers send their webhooks")
blueprints = (blp, receiving)

ONE = "/api/v1/integrations/<uuid:integration_id>"
readable = guarded_user(scopes=("integrations:read",))


@blp.route("/api/v1/integrations", methods=["POST"])
@authenticated
@blp.arguments(schemas.IntegrationIn)
@blp.response(201, schemas.IntegrationCreatedOut)
def create_integration(body: dict[str, Any]) -> dict[str, Any]:
    """Its secrets are shown in this answer and never again; so it takes no Idempotency-Key."""
    created = integrations.create(caller(), body)
    shown = {name: getattr(created.integration, name) for name in schemas.IntegrationOut().fields}
    return shown | {"signing_secret": created.signing_secret, "secret": created.secret}


@blp.route("/api/v1/integrations", methods=["GET"])
@readable
@blp.arguments(schemas.IntegrationQuery, location="query")
@blp.response(200, schemas.IntegrationOut(many=True))
def list_integrations(query: dict[str, Any]) -> Page:
    """One's own; for an ADMIN everybody's, `userId` narrows."""
    return integrations.listed(caller(), query)


@blp.route(ONE, methods=["GET"])
@readable
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.IntegrationOut)
def get_integration(integration_id: UUID) -> Integration:
    """An integration; never its credentials."""
    integration = integrations.visible(integration_id, caller())
    etag(integration)
    return integration


@blp.route(ONE, methods=["PATCH"])
@authenticated
@documents(IF_MATCH)
@blp.arguments(schemas.IntegrationPatch)
@blp.response(200, schemas.IntegrationOut)
def change_integration(body: dict[str, Any], integration_id: UUID) -> Integration:
    """Change an integration: credentials one by one (null removes), `config` as a whole. Honours `If-Match`."""
    integration = integrations.change(integration_id, caller(), body, if_match())
    etag(integration)
    return integration


@blp.route(ONE, methods=["DELETE"])
@authenticated
@documents(IF_MATCH)
@blp.response(204)
def delete_integration(integration_id: UUID) -> None:
    """Delete an integration; webhooks to it are 404 from then on. Honours `If-Match`."""
    integrations.remove(integration_id, caller(), if_match())


@blp.route(f"{ONE}/test", methods=["POST"])
@authenticated
@blp.response(200, schemas.CheckedOut)
def test_integration(integration_id: UUID) -> connection_check.Checked:
    """A real call to the provider's API, or a signed message to the `webhookUrl`."""
    return connection_check.check(integrations.visible(integration_id, caller()), "test")


@blp.route(f"{ONE}/sync", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.IntegrationOut)
def sync_integration(integration_id: UUID) -> Integration:
    """Ask for a synchronisation with the provider, in the background."""
    integration = integrations.visible(integration_id, caller())
    sync.ask(integration)
    return integration


@blp.route(f"{ONE}/rotate-secret", methods=["POST"])
@authenticated
@blp.response(200, schemas.SecretOut)
def rotate_secret(integration_id: UUID) -> dict[str, str]:
    """The old one stays valid for 24 hours: deliveries carry both signatures."""
    return {"signing_secret": integrations.rotate_secret(integration_id, caller())}


@blp.route(f"{ONE}/logs", methods=["GET"])
@readable
@blp.arguments(schemas.LogQuery, location="query")
@blp.response(200, schemas.LogOut(many=True))
def list_logs(query: dict[str, Any], integration_id: UUID) -> Page:
    """Every call in and out, redacted, latest first."""
    return integration_log.listed(integrations.visible(integration_id, caller()).id, query)


@blp.route(f"{ONE}/events", methods=["GET"])
@readable
@blp.arguments(schemas.EventQuery, location="query")
@blp.response(200, schemas.EventOut(many=True))
def list_events(query: dict[str, Any], integration_id: UUID) -> Page:
    """What was received, latest first."""
    return received_events.listed(integrations.visible(integration_id, caller()).id, query)


@blp.route(f"{ONE}/events/<uuid:event_id>/replay", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.EventOut)
def replay_event(integration_id: UUID, event_id: UUID) -> WebhookEvent:
    """Handle a received event once more."""
    return received_events.replay(integrations.visible(integration_id, caller()), event_id)


@blp.route(f"{ONE}/deliveries", methods=["GET"])
@readable
@blp.arguments(schemas.DeliveryQuery, location="query")
@blp.response(200, schemas.DeliveryOut(many=True))
def list_deliveries(query: dict[str, Any], integration_id: UUID) -> Page:
    """What was forwarded to the `webhookUrl`, latest first."""
    return deliveries.listed(integrations.visible(integration_id, caller()).id, query)


@blp.route(f"{ONE}/deliveries/<uuid:delivery_id>", methods=["GET"])
@readable
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.DeliveryDetailOut)
def get_delivery(integration_id: UUID, delivery_id: UUID) -> Delivery:
    """A delivery with every attempt."""
    delivery = deliveries.get(integrations.visible(integration_id, caller()).id, delivery_id)
    set_etag(f'"{delivery.id.hex}.{delivery.updated_at.timestamp():.6f}"')
    return delivery


@blp.route(f"{ONE}/deliveries/<uuid:delivery_id>/retry", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.DeliveryOut)
def retry_delivery(integration_id: UUID, delivery_id: UUID) -> Delivery:
    """Now, instead of the automatic try that it was waiting for."""
    return deliveries.retry(integrations.visible(integration_id, caller()), delivery_id)


@blp.route(f"{ONE}/recover", methods=["POST"])
@authenticated
@idempotent
@blp.arguments(schemas.RecoverIn)
@blp.response(202, schemas.RecoveredOut)
def recover(body: dict[str, Any], integration_id: UUID) -> dict[str, int]:
    """What failed since then, and what was missed while the integration was off (up to 1,000; call again for more)."""
    return {"recovered": deliveries.recover(integrations.visible(integration_id, caller()), body["since"])}


@receiving.route("/api/v1/webhooks/<string:provider>/<uuid:integration_id>", methods=["POST"])
@public
@any_query
@receiving.doc(requestBody=RAW_BODY)
@receiving.response(200, schemas.ReceivedOut)
def receive_webhook(provider: str, integration_id: UUID) -> webhook_receiver.Receipt | Response:
    """Verified by the provider's own scheme; answered once the events are stored. A repetition changes nothing."""
    receipt = webhook_receiver.take_in(provider, integration_id, _inbound())
    if receipt.reply is not None:
        body, content_type = receipt.reply
        return Response(body, content_type=content_type)
    return receipt


def _inbound() -> Inbound:
    """The raw body first, before anything parses it. The URL is the public one: `Host` may say anything."""
    body = raw_body()
    query = request.query_string.decode("latin-1")
    url = current_settings().public_base_url + request.path + (f"?{query}" if query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Inbound(body, headers, url, time.time())
