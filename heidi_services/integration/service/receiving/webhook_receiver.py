"""Receive a webhook: verify its signature, store its events and emit an event for each, then acknowledge it.

Storing and emitting is one transaction. If it fails, the provider gets an error and sends the webhook again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Forbidden, MethodNotAllowed, NotFound, Unauthorized
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.base import InboundWebhook, ReceivedEvent, Reply
from heidi_services.integration.providers.inbound import verify_and_parse
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.service import integration_log, redaction
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.receiving import received_events

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebhookReceipt:
    """The acknowledgement of a webhook.

    Attributes:
        received: How many events the webhook contained.
        stored: How many of them were new.
        reply: Body and content type of the response, if the provider expects a specific one.
    """

    received: int
    stored: int
    reply: Reply | None


def receive_webhook(provider_name: str, integration_id: UUID, inbound: InboundWebhook) -> WebhookReceipt:
    """Verify a webhook and store its events.

    Args:
        provider_name: The provider in the URL, in lower case.
        integration_id: The integration in the URL.
        inbound: The request.

    Raises:
        NotFound: The integration does not exist, has another provider or is switched off.
        Unauthorized: The signature is missing or invalid.
    """
    try:
        integration = _find_receiver(provider_name, integration_id)
        events = _verify(integration, inbound)
        return _acknowledge(integration, events, inbound)
    except IntegrityError:  # the integration was deleted after it was read, so the new rows refer to nothing
        raise NotFound("Webhook receiver not found.") from None


def answer_challenge(provider_name: str, integration_id: UUID, inbound: InboundWebhook) -> Reply:
    """Answer the GET by which a provider verifies that the owner of the URL wants its webhooks.

    Raises:
        NotFound: The integration does not exist, has another provider or is switched off.
        Forbidden: The token of the request is wrong, or the integration has none.
        MethodNotAllowed: The request is not a challenge of this provider.
    """
    integration = _find_receiver(provider_name, integration_id)
    provider = PROVIDERS[integration.provider]
    try:
        credentials = _decrypt_credentials(integration)
        reply = provider.answer_challenge(inbound, credentials) if provider.answer_challenge else None
    except InvalidSignature as error:
        _log_rejection(integration, error, inbound, status=403)
        raise Forbidden("The verify token is wrong.", code="bad_verify_token") from None
    if reply is None:
        raise MethodNotAllowed("Send webhooks to this URL with POST.", headers={"Allow": "POST, OPTIONS"})
    return reply


def _find_receiver(provider_name: str, integration_id: UUID) -> Integration:
    integration = db.session.get(Integration, integration_id)
    if integration is None or integration.provider.lower() != provider_name or not integration.is_open:
        raise NotFound("Webhook receiver not found.")
    return integration


def _verify(integration: Integration, inbound: InboundWebhook) -> Sequence[ReceivedEvent]:
    """The response does not contain the reason of a rejection: only the owner can read it, in the log."""
    provider = PROVIDERS[integration.provider]
    try:
        credentials = _decrypt_credentials(integration)
        if not provider.can_verify(credentials, integration.config):
            raise InvalidSignature("the integration has no credentials to verify signatures with")
        return verify_and_parse(provider, inbound, credentials, integration.config)
    except InvalidSignature as error:
        _log_rejection(integration, error, inbound, status=401)
        raise Unauthorized("Invalid signature.", code="bad_signature") from None


def _log_rejection(integration: Integration, error: InvalidSignature, inbound: InboundWebhook, *, status: int) -> None:
    log.warning("webhook rejected", extra={"integration_id": str(integration.id), "reason": str(error)})
    integration_log.record_rejected_webhook(integration.id, str(error), _describe(inbound), status)


def _decrypt_credentials(integration: Integration) -> dict[str, str]:
    """Every webhook is rejected if the credentials cannot be decrypted."""
    try:
        return credential_store.decrypt_credentials(integration)
    except DecryptionError:
        log.error("credentials cannot be decrypted", extra={"integration_id": str(integration.id)})
        raise InvalidSignature("the stored credentials cannot be decrypted") from None


def _describe(inbound: InboundWebhook) -> dict[str, object]:
    return {"headers": redaction.redact_headers(inbound.headers), "bytes": len(inbound.body)}


def _acknowledge(integration: Integration, events: Sequence[ReceivedEvent], inbound: InboundWebhook) -> WebhookReceipt:
    with transaction():
        stored = received_events.store_events(integration, events)
        response = {"received": len(events), "stored": stored}
        integration_log.record(
            integration.id, "IN", "webhook", "SUCCESS", status_code=200, request=_describe(inbound), response=response
        )
    build_reply = PROVIDERS[integration.provider].build_reply
    return WebhookReceipt(len(events), stored, build_reply(inbound) if build_reply else None)
