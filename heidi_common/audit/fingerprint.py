"""Fingerprints: HMACs that stand for e-mail and IP addresses where the addresses themselves must not be stored."""

from __future__ import annotations

import hmac

from heidi_common.runtime import current_settings


def fingerprint(text: str) -> str:
    """A stable HMAC that stands for an e-mail or IP address.

    Args:
        text: The address. Equal texts have equal fingerprints as long as SECRET_KEY does not change.

    Returns:
        `hmac:` and 32 hexadecimal digits.
    """
    key = hmac.digest(current_settings().secret_key.encode(), b"heidi audit fingerprint", "sha256")
    return "hmac:" + hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def fingerprints(*texts: str) -> list[str]:
    """The fingerprints of several texts, in their order."""
    return [fingerprint(text) for text in texts]
