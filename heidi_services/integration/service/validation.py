"""Validate an integration beyond the shapes of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from heidi_common.database.models import utcnow
from heidi_common.http_client.client import http_client
from heidi_common.problems import FieldError, Invalid
from heidi_common.runtime import current_settings
from heidi_common.schemas.error_pointers import invalid
from heidi_services.integration.endpoint_auth import EndpointAuth
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.base import Provider
from heidi_services.integration.providers.configuration import config_errors
from heidi_services.integration.providers.registry import PROVIDERS

WEBHOOK_PATH = "/api/v1/webhooks/"


def require_valid(
    provider_name: str,
    credentials: dict[str, str],
    config: dict[str, Any],
    webhook_url: str | None,
    auth: EndpointAuth | None = None,
) -> None:
    """Validate the fields of an integration together.

    Raises:
        Invalid: With one error for each invalid field.
    """
    provider = PROVIDERS[provider_name]
    errors = [*_credential_errors(provider, credentials), *_config_errors(provider, credentials, config)]
    if webhook_url is not None and (error := webhook_url_error(webhook_url)):
        errors.append(FieldError("/webhookUrl", error))
    errors += _auth_errors(auth) if auth else []
    if errors:
        raise Invalid(errors)


def _auth_errors(auth: EndpointAuth) -> Iterator[FieldError]:
    if auth.token_url is not None and (error := http_client().url_error(auth.token_url)):
        yield FieldError("/endpointAuth/tokenUrl", error)
    if auth.certificate is not None and (error := auth.certificate.error(utcnow())):
        yield FieldError("/endpointAuth/clientCertificate", error)


def require_https_for_certificate(integration: Integration) -> None:
    """A client certificate is presented over TLS only. Raises Invalid if the `webhookUrl` does not use it."""
    presents_certificate = "certificateSubject" in (integration.endpoint_auth_info or {})
    if presents_certificate and not (integration.webhook_url or "https://").startswith("https://"):
        detail = "Must begin with https:// because a client certificate is presented."
        raise Invalid([FieldError("/webhookUrl", detail)])


def _credential_errors(provider: Provider, credentials: dict[str, str]) -> Iterator[FieldError]:
    names = provider.credential_names
    for name in credentials.keys() - names:
        yield FieldError(f"/credentials/{name}", f"The credentials of {provider.name} are {', '.join(sorted(names))}.")


def _config_errors(provider: Provider, credentials: dict[str, str], config: dict[str, Any]) -> Iterator[FieldError]:
    """Errors of single fields, or else of fields that do not belong together."""
    if messages := config_errors(provider, config):
        yield from invalid(messages, "/config").errors
        return
    for path, detail in provider.find_errors(credentials, config).items():
        yield FieldError(f"/{path}", detail)


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
