"""All providers by name."""

from __future__ import annotations

from collections.abc import Mapping

from heidi_services.integration.providers import custom, sendgrid, slack, stripe, twilio, webhook
from heidi_services.integration.providers.base import Provider

PROVIDERS: Mapping[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (stripe, sendgrid, twilio, slack, webhook, custom)
}
