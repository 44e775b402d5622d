"""Sign values that leave the platform and come back, with SECRET_KEY: cursors, and calls between services."""

from __future__ import annotations

import hashlib

from itsdangerous import Signer

from heidi_common.runtime import current_settings


def value_signer(salt: str) -> Signer:
    """Create a signer (HMAC-SHA-256) for one purpose.

    Args:
        salt: Names the purpose. A signature with one salt is not valid for another salt.
    """
    return Signer(current_settings().secret_key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
