"""Base64 without padding, as it stands in tokens, keys and cursors (RFC 4648, section 5)."""

import base64


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """ValueError for what cannot be read."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
