"""Check the connection of an integration with one real request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.base import Provider
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.service import integration_log
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.deliveries.webhook_client import (
    WebhookRequest,
    WebhookResponse,
    build_payload,
    send_webhook,
)
from heidi_services.integration.service.provider_api import call_provider_api


@dataclass(frozen=True)
class ConnectionCheckResult:
    """The result for the owner. `status` is the HTTP status; None if there was no response."""

    ok: bool
    status: int | None
    duration_ms: int
    detail: str


def check_connection(integration: Integration, action: str, now: datetime | None = None) -> ConnectionCheckResult:
    """Call the provider's API if there is an API key for it, else send a signed webhook to the `webhookUrl`.

    Args:
        integration: The integration. The current transaction is rolled back, because none may be open while waiting
            for the response.
        action: `test` or `sync`, for the log and for the type of the webhook.
        now: The signed timestamp; the current time by default.
    """
    now = now or utcnow()
    integration_id, url, provider = integration.id, integration.webhook_url, PROVIDERS[integration.provider]
    try:
        credentials = credential_store.decrypt_credentials(integration)
        signing_secrets = credential_store.decrypt_signing_secrets(integration, now)
        auth = credential_store.decrypt_endpoint_auth(integration)
    except DecryptionError:
        detail = (
            "The stored secrets cannot be decrypted. An operator must check whether ENCRYPTION_KEYS lacks their key."
            " If that key is lost, replace the credentials and rotate the signing secret."
        )
        return ConnectionCheckResult(False, None, 0, detail)
    api_request = provider.probe_request(credentials)
    db.session.rollback()
    if api_request is not None:
        response = call_provider_api(api_request, credentials, now)
        result = _describe(response, _confirms_credentials(provider, response), api_request.url)
    elif url is not None:
        webhook = _build_webhook(integration_id, url, signing_secrets, action, now)
        response = send_webhook(replace(webhook, auth=auth), now)
        result = _describe(response, response.ok, url)
    else:
        detail = "There is nothing to call: the integration has neither an API key nor a `webhookUrl`."
        return ConnectionCheckResult(False, None, 0, detail)
    integration_log.record_call_unless_deleted(integration_id, action, response, ok=result.ok)
    return result


def _build_webhook(
    integration_id: UUID, url: str, signing_secrets: list[str], action: str, now: datetime
) -> WebhookRequest:
    body = build_payload(f"integration.{action}", now, {"integrationId": str(integration_id)})
    return WebhookRequest(url, signing_secrets, str(uuid7()), body)


def _confirms_credentials(provider: Provider, response: WebhookResponse) -> bool:
    """A response that cannot be parsed confirms nothing."""
    if response.status_code is None:
        return False
    try:
        return provider.probe_succeeded(response.status_code, response.body.encode())
    except (ValueError, AttributeError):
        return False


def _describe(response: WebhookResponse, ok: bool, url: str) -> ConnectionCheckResult:
    host, error = urlsplit(url).hostname, response.error or ""
    detail = f"{host} returned {response.status_code}." if response.status_code else _with_host(error, host or "")
    if response.ok and not ok:
        detail += " The response says that the credentials are invalid."
    return ConnectionCheckResult(ok, response.status_code, response.duration_ms, detail)


def _with_host(error: str, host: str) -> str:
    """An error with the host, which the errors of connections mostly contain already."""
    return error if host in error else f"{host}: {error}"
