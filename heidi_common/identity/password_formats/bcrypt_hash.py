"""bcrypt: `$2a$`, `$2b$` and `$2y$`, plain or of a SHA-256 digest.

bcrypt reads 72 bytes. Longer passwords were hashed with SHA-256 before: by this platform in Base64
(`bcrypt-sha256$2b$`), by Django in hexadecimal (`bcrypt_sha256$$2b$`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

import bcrypt

from heidi_common.identity.password_formats.stored_hash import RESET_ADVICE, InvalidHash, require_cost, require_match

MAX_PASSWORD_BYTES = 72
PREHASHED = "bcrypt-sha256"
PREHASHED_BY_DJANGO = "bcrypt_sha256$"
MIN_ROUNDS, MAX_ROUNDS = 4, 15
"""Base-2 logarithm of the work: 15 takes about three seconds. Lower is impossible; hashes are replaced at sign-in."""

_FORMAT = re.compile(r"\$(2[abxy]?)\$([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})")


@dataclass(frozen=True)
class BcryptHash:
    """A bcrypt hash.

    Attributes:
        text: The hash in bcrypt's own format, without a prefix.
        prehash: PREHASHED, PREHASHED_BY_DJANGO or empty.
        rounds: The base-2 logarithm of the work.
    """

    text: str
    prehash: str
    rounds: int

    def matches(self, password: str) -> bool:
        raw = password.encode()
        if self.prehash == PREHASHED:
            return bcrypt.checkpw(digest(raw), self.text.encode())
        if self.prehash == PREHASHED_BY_DJANGO:
            return bcrypt.checkpw(hashlib.sha256(raw).hexdigest().encode(), self.text.encode())
        # A longer password could match a plain hash only if it were truncated. It is hashed to take the same time.
        matches = bcrypt.checkpw(raw if fits(raw) else digest(raw), self.text.encode())
        return matches and fits(raw)

    def needs_rehash(self, rounds: int) -> bool:
        """Whether the hash differs from the platform's own form, or from its cost."""
        return self.prehash == PREHASHED_BY_DJANGO or not self.text.startswith(f"$2b${rounds:02}$")


def read(text: str) -> BcryptHash:
    """Read a bcrypt hash, with PREHASHED or PREHASHED_BY_DJANGO or without a prefix.

    Raises:
        InvalidHash: It is incomplete, the library rejects its salt, or its cost is out of bounds.
    """
    prehash = next((prefix for prefix in (PREHASHED, PREHASHED_BY_DJANGO) if text.startswith(prefix)), "")
    bare = text.removeprefix(prehash)
    version, rounds, salt, _ = require_match(_FORMAT, bare, "bcrypt").groups()
    if version not in ("2a", "2b", "2y"):
        raise InvalidHash(f"is a bcrypt hash of the broken version ${version}$; {RESET_ADVICE}")
    cost = require_cost("the bcrypt cost", int(rounds), MIN_ROUNDS, MAX_ROUNDS)
    _require_salt(f"${version}$04${salt}")
    return BcryptHash(bare, prehash, cost)


def fits(raw: bytes) -> bool:
    """Whether bcrypt reads a password completely."""
    return len(raw) <= MAX_PASSWORD_BYTES and b"\0" not in raw


def digest(raw: bytes) -> bytes:
    """The digest in Base64 that this platform passes to bcrypt instead of a password that does not fit."""
    return base64.b64encode(hashlib.sha256(raw).digest())


def _require_salt(cheapest: str) -> None:
    try:
        is_usable = bcrypt.hashpw(b"", cheapest.encode()).decode().startswith(cheapest)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidHash("is a bcrypt hash with an invalid salt; was it changed or cut?")
