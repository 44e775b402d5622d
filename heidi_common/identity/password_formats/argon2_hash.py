"""argon2: `$argon2id$`, `$argon2i$` and `$argon2d$`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from heidi_common.identity.password_formats.stored_hash import (
    InvalidHash,
    decode_base64,
    decode_digest,
    require_cost,
    require_match,
    require_salt,
)

PREFIX = "$argon2"
MIN_MEMORY_KIB, MAX_MEMORY_KIB = 512, 256 * 1024
"""512 KiB was the default of argon2-cffi, and so of Django, until 2018."""
MAX_PASSES, MAX_LANES = 32, 16
MAX_WORK_KIB = 1024 * 1024
"""Memory multiplied by passes: one to two seconds."""

# 19 MiB, two passes, one lane. Source: OWASP Password Storage Cheat Sheet.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

_FORMAT = re.compile(
    r"\$argon2(id|i|d)\$(v=[0-9]{1,3}\$)?m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,10})"
    r"\$([A-Za-z0-9+/]{1,700})\$([A-Za-z0-9+/]{1,200})"
)


@dataclass(frozen=True)
class Argon2Hash:
    """An argon2 hash in the library's own format."""

    text: str

    def matches(self, password: str) -> bool:
        try:
            return HASHER.verify(self.text, password)
        except VerifyMismatchError:
            return False

    def needs_rehash(self) -> bool:
        """Whether the hash has other parameters than new ones."""
        return HASHER.check_needs_rehash(self.text)


def read(text: str) -> Argon2Hash:
    """Read an argon2 hash.

    Raises:
        InvalidHash: It is incomplete, the library rejects it, or a parameter is out of bounds.
    """
    kind, version, *costs, salt, digest = require_match(_FORMAT, text, "argon2").groups()
    memory, passes, lanes = map(int, costs)
    require_cost("the argon2 memory in KiB", memory, max(MIN_MEMORY_KIB, 8 * lanes), MAX_MEMORY_KIB)
    require_cost("the number of argon2 passes", passes, 1, MAX_PASSES)
    require_cost("the number of argon2 lanes", lanes, 1, MAX_LANES)
    require_cost("argon2 memory in KiB multiplied by passes", memory * passes, MIN_MEMORY_KIB, MAX_WORK_KIB)
    require_salt(decode_base64(salt, "salt"))
    decode_digest(digest)
    _require_verifiable(f"$argon2{kind}${version or ''}m=8,t=1,p=1${salt}${digest}")
    return Argon2Hash(text)


def _require_verifiable(cheapest: str) -> None:
    """Let the library verify the hash with the lowest costs: only a mismatch means that it could read it."""
    try:
        HASHER.verify(cheapest, "")
    except VerifyMismatchError:
        pass
    except (VerificationError, InvalidHashError) as error:
        raise InvalidHash(f"is not a valid argon2 hash ({error})") from None
