"""The health of an endpoint (`webhookUrl`), and when an endpoint that fails for too long is disabled."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from heidi_common.database.session import db
from heidi_services.integration.models import Integration
from heidi_services.integration.service.deactivation import DisabledReason, deactivate
from heidi_services.integration.service.deliveries.webhook_client import WebhookResponse

DISABLE_AFTER = timedelta(days=5)
MAX_GAP = timedelta(days=2)
"""Failures that are further apart are separate outages. Retries of one delivery are up to 29 hours apart."""
PRECISION = timedelta(hours=1)
"""How exact `last_failed_at` is: an endpoint that fails often does not need a write for each attempt."""
SLOW_MS = 3000


def is_unhealthy(response: WebhookResponse) -> bool:
    """Whether an attempt failed or was slow."""
    return not response.ok or response.duration_ms >= SLOW_MS


def update_health(integration_id: UUID, response: WebhookResponse, now: datetime) -> None:
    """Record what an attempt shows about the endpoint, in the caller's transaction.

    The endpoint is disabled if it responded with 410, which asks for it, or if all attempts of five days failed and
    no two of them were more than two days apart: a failure after a quiet week says nothing about that week.
    """
    integration = db.session.get_one(Integration, integration_id)
    failing_since = None if response.ok else _outage_start(integration, now)
    _store(integration, failing_since, _last_failure(integration, response, now), is_unhealthy(response))
    if response.gone:
        deactivate(integration_id, DisabledReason.GONE)
    elif failing_since is not None and now - failing_since >= DISABLE_AFTER:
        deactivate(integration_id, DisabledReason.FAILING)


def _outage_start(integration: Integration, now: datetime) -> datetime:
    """When the present outage began: now, unless the last failure was recent."""
    since, last = integration.failing_since, integration.last_failed_at
    return now if since is None or last is None or now - last > MAX_GAP else since


def _last_failure(integration: Integration, response: WebhookResponse, now: datetime) -> datetime | None:
    last = integration.last_failed_at
    if response.ok:
        return None
    return now if last is None or now - last >= PRECISION else last


def _store(
    integration: Integration, failing_since: datetime | None, last_failed_at: datetime | None, unhealthy: bool
) -> None:
    """Bypasses the ORM's version counter: the owner has not changed the integration, so its ETag stays the same."""
    health = {"failing_since": failing_since, "last_failed_at": last_failed_at, "is_unhealthy": unhealthy}
    if all(getattr(integration, name) == value for name, value in health.items()):
        return
    statement = update(Integration).where(Integration.id == integration.id)
    values = {**health, "updated_at": Integration.updated_at}
    db.session.execute(statement.values(values).execution_options(synchronize_session=False))
    db.session.expire(integration)
