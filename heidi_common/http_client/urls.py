"""The check of a URL that needs no name server."""

from urllib.parse import urlsplit

from heidi_common.http_client.errors import BlockedURLError


def check_url(url: str) -> None:
    """Check that a URL is an http(s) URL with a host and without credentials.

    Raises:
        BlockedURLError: The URL may not be called.
    """
    if not url.isprintable() or any(char in url for char in " \\"):
        raise BlockedURLError("the URL contains invalid characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BlockedURLError(f"the URL is malformed: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise BlockedURLError("the URL must begin with http:// or https://")
    if not parts.hostname:
        raise BlockedURLError("the URL has no host")
    if "@" in parts.netloc:
        raise BlockedURLError("the URL must not contain credentials")
