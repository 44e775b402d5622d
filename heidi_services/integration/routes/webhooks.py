"""The webhook receivers for the providers, and the received events for the owners of integrations."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from flask import Response, request

from heidi_common.database.pagination import Page
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint, raw_body
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import authenticated, caller, public
from heidi_common.openapi.headers import RAW_BODY
from heidi_common.runtime import current_settings
from heidi_services.integration.models import WebhookEvent
from heidi_services.integration.providers.base import InboundWebhook
from heidi_services.integration.routes.integrations import INTEGRATION, blp, readable
from heidi_services.integration.schemas import webhooks as schemas
from heidi_services.integration.service import queries
from heidi_services.integration.service.receiving import received_events, webhook_receiver

RECEIVER = "/api/v1/webhooks/<string:provider>/<uuid:integration_id>"

receiver = Blueprint("webhooks", __name__, description="Receivers for the webhooks of providers")


@receiver.route(RECEIVER, methods=["POST"])
@public
@any_query
@receiver.doc(requestBody=RAW_BODY)
@receiver.response(200, schemas.ReceivedOut)
def receive_webhook(provider: str, integration_id: UUID) -> webhook_receiver.WebhookReceipt | Response:
    """Verify the signature of a webhook by the provider's scheme and store its events; repetitions are ignored."""
    receipt = webhook_receiver.receive_webhook(provider, integration_id, _inbound_webhook())
    if receipt.reply is not None:
        body, content_type = receipt.reply
        return Response(body, content_type=content_type)
    return receipt


@receiver.route(RECEIVER, methods=["GET"])
@public
@any_query
@receiver.response(200, content_type="text/plain")
def answer_challenge(provider: str, integration_id: UUID) -> Response:
    """Verify the URL for a provider that asks for it with GET (`hub.challenge` of META and CUSTOM)."""
    body, content_type = webhook_receiver.answer_challenge(provider, integration_id, _inbound_webhook())
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})


def _inbound_webhook() -> InboundWebhook:
    """The body is read before anything parses it. The URL is the public one, because clients can forge `Host`."""
    body = raw_body()
    query = request.query_string.decode("latin-1")
    url = current_settings().public_base_url + request.path + (f"?{query}" if query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return InboundWebhook(body, headers, url, time.time())


@blp.route(f"{INTEGRATION}/events", methods=["GET"])
@readable
@blp.arguments(schemas.WebhookEventQuery, location="query")
@blp.response(200, schemas.WebhookEventOut(many=True))
def list_events(query: dict[str, Any], integration_id: UUID) -> Page:
    """List the received events, newest first."""
    integration = queries.get_visible(integration_id, caller())
    return received_events.list_events(integration.id, query)


@blp.route(f"{INTEGRATION}/events/<uuid:event_id>/replay", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.WebhookEventOut)
def replay_event(integration_id: UUID, event_id: UUID) -> WebhookEvent:
    """Replay a received event: its subscribers handle it again."""
    return received_events.replay_event(queries.get_visible(integration_id, caller()), event_id)
