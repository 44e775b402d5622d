"""Call the API of a provider."""

from __future__ import annotations

from datetime import datetime

from heidi_services.integration.providers.base import ApiRequest
from heidi_services.integration.service.deliveries.webhook_client import (
    MAX_RESPONSE_BYTES,
    WebhookResponse,
    send_request,
)


def call_provider_api(
    request: ApiRequest, credentials: dict[str, str], now: datetime, max_bytes: int = MAX_RESPONSE_BYTES
) -> WebhookResponse:
    """Send a request to a provider's API. The credentials are redacted in the response.

    The address is not checked like a `webhookUrl`, because it is a constant of the provider's module.
    """
    return send_request(
        request.method,
        request.url,
        headers=request.headers,
        params=request.params,
        secrets=list(credentials.values()),
        now=now,
        max_bytes=max_bytes,
        trusted=True,
    )
