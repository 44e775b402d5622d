"""What the checks of providers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heidi_services.notification.channels.http_provider import is_html

if TYPE_CHECKING:
    import requests

CHECK_SECONDS = 10.0


class ProviderUnusable(Exception):
    """The provider would reject all messages, as it is configured. The message says which setting to correct."""


def require(**values: str) -> None:
    """Raise ProviderUnusable, which names the settings that have no value."""
    if missing := [name for name, value in values.items() if not value]:
        raise ProviderUnusable(f"{', '.join(missing)} must be set")


def get(url: str, url_setting: str, credentials: str, **options: object) -> requests.Response:
    """GET from a provider's API.

    Args:
        url: The URL.
        url_setting: The setting that it begins with.
        credentials: The settings that it is called with.
        options: Further arguments of `requests.get`.

    Raises:
        ProviderUnusable: The credentials are rejected, or the URL is not that of the API.
    """
    import requests

    response = requests.get(url, timeout=CHECK_SECONDS, allow_redirects=False, **options)  # type: ignore[arg-type]
    if response.status_code in (401, 403):
        raise ProviderUnusable(f"{credentials} are rejected ({response.status_code})")
    if response.status_code != 200 or is_html(response):
        raise ProviderUnusable(f"{url_setting} is not the provider's API: {url} responds {response.status_code}")
    return response
