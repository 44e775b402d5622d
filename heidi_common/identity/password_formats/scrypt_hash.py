"""scrypt, as Werkzeug, Django, passlib and Spring Security store it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from heidi_common.identity.password_formats.stored_hash import (
    InvalidHash,
    decode_base64,
    decode_digest,
    decode_hex_digest,
    is_equal,
    require_cost,
    require_match,
    require_salt,
)

MIN_LOG_N, MAX_LOG_N = 10, 18
MAX_BLOCK_SIZE, MAX_PARALLELISM = 32, 16
MIN_WORK, MAX_WORK = 2**13, 2**21
"""N multiplied by r (and p): 1 MiB of memory at least; 256 MiB, in about a second, at most."""

_WERKZEUG = re.compile(r"scrypt:([0-9]{1,10}):([0-9]{1,4}):([0-9]{1,4})\$([^$]{1,500})\$([0-9a-fA-F]+)")
_DJANGO = re.compile(r"scrypt\$([0-9]{1,10})\$([^$]{1,500})\$([0-9]{1,4})\$([0-9]{1,4})\$([A-Za-z0-9+/=]+)")
_PASSLIB = re.compile(r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9./+]+)\$([A-Za-z0-9./+]+)")
_SPRING = re.compile(r"\$([0-9a-f]{5,8})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class ScryptCost:
    """The parameters of scrypt: N (a power of two), r and p, within their bounds."""

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        if self.n < 2 or self.n & (self.n - 1):
            raise InvalidHash(f"has the scrypt cost {self.n}, which is not a power of two")
        require_cost("the base-2 logarithm of the scrypt cost", self.n.bit_length() - 1, MIN_LOG_N, MAX_LOG_N)
        require_cost("the scrypt block size", self.r, 1, MAX_BLOCK_SIZE)
        require_cost("the scrypt parallelism", self.p, 1, MAX_PARALLELISM)
        require_cost("the scrypt cost multiplied by block size", self.n * self.r, MIN_WORK, MAX_WORK)
        require_cost("the scrypt cost of all lanes", self.n * self.r * self.p, MIN_WORK, MAX_WORK)

    def derive(self, raw: bytes, salt: bytes, length: int) -> bytes:
        """Derive `length` bytes from a password. OpenSSL needs some memory beyond 128 N r."""
        memory = 128 * self.r * (self.n + self.p + 2) + 1024
        return hashlib.scrypt(raw, salt=salt, n=self.n, r=self.r, p=self.p, maxmem=memory, dklen=length)


@dataclass(frozen=True)
class ScryptHash:
    """A scrypt hash."""

    cost: ScryptCost
    salt: bytes
    digest: bytes

    def __post_init__(self) -> None:
        require_salt(self.salt)

    def matches(self, password: str) -> bool:
        return is_equal(self.cost.derive(password.encode(), self.salt, len(self.digest)), self.digest)


def read_werkzeug(text: str) -> ScryptHash:
    """Read `scrypt:N:r:p$salt$digest in hexadecimal`."""
    n, r, p, salt, digest = require_match(_WERKZEUG, text, "Werkzeug scrypt").groups()
    return ScryptHash(ScryptCost(int(n), int(r), int(p)), salt.encode(), decode_hex_digest(digest))


def read_django(text: str) -> ScryptHash:
    """Read `scrypt$N$salt$r$p$digest in Base64`."""
    n, salt, r, p, digest = require_match(_DJANGO, text, "Django scrypt").groups()
    return ScryptHash(ScryptCost(int(n), int(r), int(p)), salt.encode(), decode_digest(digest))


def read_passlib(text: str) -> ScryptHash:
    """Read `$scrypt$ln=16,r=8,p=1$salt$digest`, both in Base64."""
    log_n, r, p, salt, digest = require_match(_PASSLIB, text, "passlib scrypt").groups()
    return ScryptHash(ScryptCost(1 << int(log_n), int(r), int(p)), decode_base64(salt, "salt"), decode_digest(digest))


def read_spring(text: str) -> ScryptHash:
    """Read `$parameters$salt$digest`; the parameters are log2(N), r and p in hexadecimal, 16, 8 and 8 bits."""
    parameters, salt, digest = require_match(_SPRING, text, "Spring Security scrypt").groups()
    number = int(parameters, 16)
    cost = ScryptCost(1 << min(number >> 16, 64), number >> 8 & 0xFF, number & 0xFF)
    return ScryptHash(cost, decode_base64(salt, "salt"), decode_digest(digest))
