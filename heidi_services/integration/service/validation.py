"""Validate an integration beyond the shapes of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from heidi_common.http_client.client import http_client
from heidi_common.problems import FieldError, Invalid
from heidi_common.runtime import current_settings
from heidi_services.integration.enums import ProviderName
from heidi_services.integration.providers.registry import PROVIDERS

WEBHOOK_PATH = "/api/v1/webhooks/"


def require_valid(
    provider: ProviderName, credentials: dict[str, str], config: dict[str, Any], webhook_url: str | None
) -> None:
    """Validate the fields of an integration together.

    Raises:
        Invalid: With one error for each invalid field.
    """
    errors = [*_credential_errors(provider, credentials, config), *_config_errors(provider, config)]
    if webhook_url is not None and (error := webhook_url_error(webhook_url)):
        errors.append(FieldError("/webhookUrl", error))
    if errors:
        raise Invalid(errors)


def _credential_errors(
    provider: ProviderName, credentials: dict[str, str], config: dict[str, Any]
) -> Iterator[FieldError]:
    names = PROVIDERS[provider].credential_names
    for name in credentials.keys() - names:
        yield FieldError(f"/credentials/{name}", f"The credentials of {provider} are {', '.join(sorted(names))}.")
    for path, detail in PROVIDERS[provider].find_errors(credentials, config).items():
        yield FieldError(f"/{path}", detail)


def _config_errors(provider: ProviderName, config: dict[str, Any]) -> Iterator[FieldError]:
    if "verify" in config and provider != ProviderName.CUSTOM:
        yield FieldError("/config/verify", "`verify` is only supported for the CUSTOM provider.")
    if "tolerance" in config and provider != ProviderName.SENDGRID:
        yield FieldError("/config/tolerance", "`tolerance` is only supported for the SENDGRID provider.")


def webhook_url_error(url: str) -> str | None:
    """Why a URL cannot be a `webhookUrl`, or None. Host names are resolved and checked again at each delivery."""
    if error := http_client().url_error(url):
        return error
    if _host(url) == _host(current_settings().public_base_url) and urlsplit(url).path.startswith(WEBHOOK_PATH):
        # A delivery to a receiver of this platform would emit an event, which would be forwarded again without end.
        return "Must not be a webhook receiver of this platform."
    return None


def _host(url: str) -> str:
    """The host name without the trailing dot of the DNS root."""
    return (urlsplit(url).hostname or "").rstrip(".")
