"""What all formats of stored hashes have in common."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Protocol

MAX_LENGTH = 2000
"""Characters of a stored hash. The longest format, Keycloak's JSON, has about 500."""
MAX_SALT_BYTES, MIN_DIGEST_BYTES, MAX_DIGEST_BYTES = 512, 16, 128
RESET_ADVICE = "leave passwordHash empty, and the user chooses a password by `forgot password`"


class InvalidHash(ValueError):
    """Why a stored hash is not accepted, and what to do instead."""


class StoredHash(Protocol):
    """A hash that can be verified. Creating it has checked its format and its bounds."""

    def matches(self, password: str) -> bool:
        """Whether the hash belongs to a password. The costs are those of the hash."""


def require_cost(name: str, value: int, low: int, high: int) -> int:
    """Return a cost parameter that is within its bounds.

    Raises:
        InvalidHash: It is not. The message names the bounds.
    """
    if not low <= value <= high:
        raise InvalidHash(f"{name} is {value}, and must be between {low} and {high}; {RESET_ADVICE}")
    return value


def require_match(pattern: re.Pattern[str], text: str, name: str) -> re.Match[str]:
    """Match a whole text.

    Raises:
        InvalidHash: It does not match. The message names the format.
    """
    match = pattern.fullmatch(text)
    if match is None:
        raise InvalidHash(f"is not a complete {name} hash")
    return match


def decode_digest(text: str) -> bytes:
    """Decode the digest of a hash from Base64.

    Raises:
        InvalidHash: It is not Base64, too short to be safe, or too long.
    """
    return require_digest(decode_base64(text, "digest"))


def decode_hex_digest(text: str) -> bytes:
    """Decode the digest of a hash from hexadecimal digits.

    Raises:
        InvalidHash: It is not hexadecimal, too short to be safe, or too long.
    """
    return require_digest(decode_hex(text))


def require_digest(digest: bytes) -> bytes:
    """Return a digest of a permitted length."""
    if not MIN_DIGEST_BYTES <= len(digest) <= MAX_DIGEST_BYTES:
        limits = f"between {MIN_DIGEST_BYTES} and {MAX_DIGEST_BYTES}"
        raise InvalidHash(f"has a digest of {len(digest)} bytes, and must have {limits}; was it cut?")
    return digest


def require_salt(salt: bytes) -> bytes:
    """Return a salt of a permitted length."""
    if not 1 <= len(salt) <= MAX_SALT_BYTES:
        raise InvalidHash(f"has a salt of {len(salt)} bytes, and must have between 1 and {MAX_SALT_BYTES}")
    return salt


def decode_base64(text: str, what: str) -> bytes:
    """Decode Base64: the standard alphabet, the URL-safe one or passlib's (`.` for `+`), with or without padding."""
    standard = text.translate(str.maketrans("-_.", "+/+")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidHash(f"has a {what} that is not Base64") from None


def decode_hex(text: str) -> bytes:
    """Decode hexadecimal digits."""
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise InvalidHash("has a digest that is not hexadecimal") from None


def is_equal(first: bytes, second: bytes) -> bool:
    """Compare two digests in a time that does not depend on their content."""
    return hmac.compare_digest(first, second)
