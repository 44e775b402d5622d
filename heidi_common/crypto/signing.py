"""Signatures with SECRET_KEY, for values that leave the platform and come back (cursors, unsubscribe links, ...)."""

from __future__ import annotations

import hashlib

from itsdangerous import Signer

from heidi_common.runtime import current_settings


def signer(salt: str) -> Signer:
    """A signer for one purpose.

    Args:
        salt: Names the purpose. A signature made under one salt is not valid under another.
    """
    secret = current_settings().secret_key
    return Signer(secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
