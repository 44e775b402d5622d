"""The health of an endpoint (`webhookUrl`), and how an endpoint that fails for too long is disabled."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.outbox import emit
from heidi_services.integration.models import Integration
from heidi_services.integration.service.webhook_client import WebhookResponse

DISABLE_AFTER = timedelta(days=5)
SLOW_MS = 3000


def is_unhealthy(response: WebhookResponse) -> bool:
    """Whether an attempt failed or was slow."""
    return not response.ok or response.duration_ms >= SLOW_MS


def update_health(integration_id: UUID, response: WebhookResponse, now: datetime) -> None:
    """Record what an attempt shows about the endpoint, in the caller's transaction.

    The endpoint is disabled if it responded with 410, or if every attempt of the last five days failed.
    """
    integration = db.session.get_one(Integration, integration_id)
    failing_since = None if response.ok else integration.failing_since or now
    _store(integration, failing_since, is_unhealthy(response))
    if response.gone:
        disable_endpoint(integration_id, "The endpoint returned 410 Gone.")
    elif failing_since is not None and now - failing_since >= DISABLE_AFTER:
        disable_endpoint(integration_id, "Every delivery of the last five days failed.")


def _store(integration: Integration, failing_since: datetime | None, unhealthy: bool) -> None:
    """Bypasses the ORM's version counter: the owner has not changed the integration, so its ETag stays the same."""
    if (failing_since, unhealthy) == (integration.failing_since, integration.is_unhealthy):
        return
    statement = update(Integration).where(Integration.id == integration.id)
    values = {"failing_since": failing_since, "is_unhealthy": unhealthy, "updated_at": Integration.updated_at}
    db.session.execute(statement.values(values).execution_options(synchronize_session=False))
    db.session.expire(integration)


def disable_endpoint(integration_id: UUID, reason: str) -> None:
    """Deactivate an integration and notify its owner. Does nothing if the integration is already inactive."""
    integration = db.session.get(Integration, integration_id, with_for_update=True, populate_existing=True)
    if integration is None or not integration.is_active:
        return
    integration.is_active, integration.disabled_reason = False, reason
    content = f"Deliveries to the integration “{integration.name}” were switched off. {reason}"
    emit(
        NotificationSend(
            id=uuid7(), about_user=integration.user_id, channel="IN_APP", notification_type="WARNING", category="system"
        ),
        secret_data={"subject": "Integration switched off", "content": content},
    )
