"""Webhooks in: verified, stored with its fact in one transaction, and only then acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.crypto.webhook_signatures import InvalidSignature
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import IntegrationWebhook
from heidi_common.messaging.outbox import emit_many
from heidi_common.problems import NotFound, Unauthorized
from heidi_services.integration.models import Integration, WebhookEvent
from heidi_services.integration.providers import PROVIDERS, Inbound, Provider, Received, receive
from heidi_services.integration.service import credential_store, integration_log, redaction

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receipt:
    """What came of one request; `reply` is the body and type that this provider wants to see."""

    received: int
    stored: int
    reply: tuple[bytes, str] | None


def take_in(provider_name: str, integration_id: UUID, inbound: Inbound) -> Receipt:
    """Raises NotFound for what does not exist or is switched off, Unauthorized for what is not proven."""
    try:
        return _take_in(provider_name, integration_id, inbound)
    except IntegrityError:  # its rows refer to the integration, which was removed meanwhile
        raise NotFound("There is no such receiver.") from None


def _take_in(provider_name: str, integration_id: UUID, inbound: Inbound) -> Receipt:
    integration = db.session.get(Integration, integration_id)
    if integration is None or integration.provider.lower() != provider_name or not integration.is_open:
        raise NotFound("There is no such receiver.")
    provider = PROVIDERS[integration.provider]
    try:
        events = receive(provider, inbound, _keys(provider, integration), integration.config)
    except InvalidSignature as refusal:
        _refuse(integration, inbound, str(refusal))
        raise Unauthorized("The signature does not hold.", code="bad_signature") from None
    with transaction():
        stored = store(integration, events)
        answer = {"received": len(events), "stored": stored}
        integration_log.note(
            integration.id, "IN", "webhook", "SUCCESS", status_code=200, request=_seen(inbound), response=answer
        )
    return Receipt(len(events), stored, provider.reply(inbound))


def _keys(provider: Provider, integration: Integration) -> dict[str, str]:
    """Closed, not open, when the secret is missing or its key is gone."""
    try:
        credentials = credential_store.credentials_of(integration)
    except DecryptionError:
        log.error("credentials cannot be opened", extra={"integration_id": str(integration.id)})
        raise InvalidSignature("the stored credentials cannot be opened") from None
    if not provider.opened_by(credentials, integration.config):
        raise InvalidSignature("no secret to verify with is stored")
    return credentials


def _seen(inbound: Inbound) -> dict[str, object]:
    return {"headers": redaction.headers(inbound.headers), "bytes": len(inbound.body)}


def _refuse(integration: Integration, inbound: Inbound, reason: str) -> None:
    log.warning("webhook refused", extra={"integration_id": str(integration.id), "reason": reason})
    integration_log.note_refusal(integration.id, 401, reason, _seen(inbound))


def store(integration: Integration, events: Sequence[Received]) -> int:
    """Keep what is new, each with its fact, in one transaction; how many were.

    The unique pair decides what is new, never a look beforehand. Sorted, so that two equal batches cannot deadlock.
    """
    rows = [
        {
            "id": uuid7(),
            "integration_id": integration.id,
            "provider_event_id": event.id,
            "type": event.type,
            "body": event.body,
        }
        for event in sorted(events, key=lambda event: event.id)
    ]
    with transaction():
        new = _insert(rows) if rows else []
        emit_many((_fact(integration, event_id, kind), None, None) for event_id, kind in new)
    return len(new)


def _insert(rows: list[dict[str, object]]) -> list[tuple[UUID, str]]:
    statement = (
        insert(WebhookEvent)
        .on_conflict_do_nothing(index_elements=["integration_id", "provider_event_id"])
        .returning(WebhookEvent.id, WebhookEvent.type)
    )
    return [(row.id, row.type) for row in db.session.execute(statement, rows)]


def _fact(integration: Integration, event_id: UUID, kind: str) -> IntegrationWebhook:
    return IntegrationWebhook(
        id=event_id,
        integration_id=integration.id,
        about_user=integration.user_id,
        provider=integration.provider,
        provider_event_type=kind,
    )
