"""All providers by name. Code that needs `PROVIDERS` reads it at each use, so that a provider is added in one place."""

from __future__ import annotations

from heidi_services.integration.providers import custom, meta, sendgrid, slack, stripe, twilio, webhook
from heidi_services.integration.providers.base import Provider

PROVIDERS: dict[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (stripe, sendgrid, twilio, slack, meta, webhook, custom)
}
