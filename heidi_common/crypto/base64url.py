"""Base64 with the URL-safe alphabet and without padding, as tokens, keys and cursors use it (RFC 4648, section 5)."""

import base64


def encode(raw: bytes) -> str:
    """Encode bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode text with or without padding.

    Raises:
        ValueError: The text is not Base64.
    """
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
