"""Pull the events that the webhook receiver missed from the API of a provider that lists its events (Stripe)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.base import EventPage, Provider, ReceivedEvent, content_hash
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.service import integration_log
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.provider_api import call_provider_api
from heidi_services.integration.service.receiving import received_events

MAX_LOOK_BACK = timedelta(days=30)
OVERLAP = timedelta(minutes=5)
MAX_PAGES = 15
MAX_PAGE_BYTES = 4 * 1024 * 1024


class SyncFailed(Exception):
    """The provider did not respond as expected. The message is shown to the owner."""


@dataclass(frozen=True)
class EventPull:
    """What a pull needs, copied from the rows, so that no transaction is open during the requests."""

    integration_id: UUID
    provider: Provider
    credentials: dict[str, str]
    since: datetime


def plan_pull(integration: Integration, now: datetime) -> EventPull | None:
    """Prepare a pull from shortly before the last synchronization, at most 30 days back.

    Returns:
        None if the provider does not list its events, or if the integration has no API key.

    Raises:
        SyncFailed: The credentials cannot be decrypted.
    """
    provider = PROVIDERS[integration.provider]
    try:
        credentials = credential_store.decrypt_credentials(integration)
    except DecryptionError:
        raise SyncFailed("the stored credentials cannot be decrypted") from None
    if provider.event_page_request is None or provider.probe_request(credentials) is None:
        return None
    # The overlap has no effect on events that are already stored.
    since = (integration.last_sync_at or integration.created_at) - OVERLAP
    return EventPull(integration.id, provider, credentials, max(since, now - MAX_LOOK_BACK))


def pull_events(pull: EventPull, now: datetime) -> None:
    """Fetch the provider's events page by page and store the new ones, one transaction per page.

    Raises:
        SyncFailed: A request failed, or there are more pages than one synchronization fetches.
    """
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = _fetch_page(pull, cursor, now)
        with transaction():
            integration = db.session.get(Integration, pull.integration_id)
            if integration is None:
                return
            received_events.store_events(integration, [_with_id(event) for event in page.events])
        cursor = page.cursor
        if cursor is None:
            return
    raise SyncFailed("the provider has more events than one synchronization fetches")


def _with_id(event: ReceivedEvent) -> ReceivedEvent:
    """Every synchronization reads the latest events again, so that one without an ID needs a constant one."""
    return event if event.id is not None else replace(event, id=content_hash(event.body))


def _fetch_page(pull: EventPull, cursor: str | None, now: datetime) -> EventPage:
    build_request, parse = pull.provider.event_page_request, pull.provider.parse_event_page
    assert build_request is not None and parse is not None
    request = build_request(pull.credentials, pull.since.timestamp(), cursor)
    response = call_provider_api(request, pull.credentials, now, max_bytes=MAX_PAGE_BYTES)
    integration_log.record_call_unless_deleted(pull.integration_id, "sync", response, ok=response.ok)
    if not response.ok:
        raise SyncFailed(response.error or "no response")
    try:
        return parse(response.body.encode())
    except (ValueError, LookupError, TypeError, AttributeError):
        raise SyncFailed("the response is not a list of events") from None
