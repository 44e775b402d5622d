"""What an integration must satisfy beyond the shape of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from heidi_common.http_client.client import http_client
from heidi_common.problems import FieldError, Invalid
from heidi_common.runtime import current_settings
from heidi_services.integration.models import ProviderName
from heidi_services.integration.providers import PROVIDERS


def require_sound(
    provider: ProviderName, credentials: dict[str, str], config: dict[str, Any], webhook_url: str | None
) -> None:
    """Raises Invalid naming every field that is wrong."""
    flaws = [*_credential_flaws(provider, credentials, config), *_config_flaws(provider, config)]
    if webhook_url is not None and (flaw := url_flaw(webhook_url)):
        flaws.append(FieldError("/webhookUrl", flaw))
    if flaws:
        raise Invalid(flaws)


def _credential_flaws(
    provider: ProviderName, credentials: dict[str, str], config: dict[str, Any]
) -> Iterator[FieldError]:
    known = PROVIDERS[provider].credentials
    for name in credentials.keys() - known:
        yield FieldError(f"/credentials/{name}", f"{provider} has {', '.join(sorted(known))}.")
    for pointer, detail in PROVIDERS[provider].flaws(credentials, config).items():
        yield FieldError(f"/{pointer}", detail)


def _config_flaws(provider: ProviderName, config: dict[str, Any]) -> Iterator[FieldError]:
    if "verify" in config and provider != ProviderName.CUSTOM:
        yield FieldError("/config/verify", "Only CUSTOM is told how to verify.")
    if "tolerance" in config and provider != ProviderName.SENDGRID:
        yield FieldError("/config/tolerance", "Only SENDGRID has a tolerance of its own.")


def url_flaw(url: str) -> str | None:
    """Why this can never be a `webhookUrl`. Names are resolved, and checked again, at each delivery."""
    if flaw := http_client().url_error(url):
        return flaw
    if _host(url) == _host(current_settings().public_base_url) and urlsplit(url).path.startswith("/api/v1/webhooks/"):
        # A delivery to a receiver of our own is a fact again, is forwarded again, and so on for ever.
        return "Must not be a receiver of this platform."
    return None


def _host(url: str) -> str:
    """With or without the dot of the root, a name is the same name."""
    return (urlsplit(url).hostname or "").rstrip(".")
