"""PBKDF2, as Django, Werkzeug, passlib and Spring Security store it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from heidi_common.identity.password_formats.stored_hash import (
    InvalidHash,
    decode_base64,
    decode_digest,
    decode_hex,
    decode_hex_digest,
    is_equal,
    require_cost,
    require_digest,
    require_match,
    require_salt,
)

MIN_ITERATIONS, MAX_ITERATIONS = 1000, 3_000_000
"""Source of the minimum: RFC 8018, section 4.2. The maximum takes about three seconds."""
HASHES = {"sha1": 20, "sha256": 32, "sha512": 64}
"""Name -> bytes of a block. A digest of several blocks takes the iterations for each of them."""

_DJANGO = re.compile(r"pbkdf2_(sha1|sha256|sha512)\$([0-9]{1,10})\$([^$]{1,500})\$([A-Za-z0-9+/=]+)")
_WERKZEUG = re.compile(r"pbkdf2:(sha1|sha256|sha512)(?::([0-9]{1,10}))?\$([^$]{1,500})\$([0-9a-fA-F]+)")
_PASSLIB = re.compile(r"\$pbkdf2(?:-(sha1|sha256|sha512))?\$([0-9]{1,10})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)")
_WERKZEUG_DEFAULT_ITERATIONS = 1000
"""Source: werkzeug.security before version 0.10, which did not store the number."""
_SPRING = {False: (8, 185_000, "sha1"), True: (16, 310_000, "sha256")}
"""Is it `@SpringSecurity_v5_8` -> bytes of the salt, iterations, hash. Source: Pbkdf2PasswordEncoder."""


@dataclass(frozen=True)
class Pbkdf2Hash:
    """A PBKDF2 hash with HMAC.

    Attributes:
        algorithm: A key of HASHES.
        iterations: For each block of the digest.
        salt: As bytes.
        digest: As bytes.
    """

    algorithm: str
    iterations: int
    salt: bytes
    digest: bytes

    def __post_init__(self) -> None:
        if self.algorithm not in HASHES:
            raise InvalidHash(f"has the algorithm {self.algorithm}, and must have one of {', '.join(HASHES)}")
        blocks = -(-len(require_digest(self.digest)) // HASHES[self.algorithm])
        require_cost("the number of PBKDF2 iterations", self.iterations, MIN_ITERATIONS, MAX_ITERATIONS // blocks)
        require_salt(self.salt)

    def matches(self, password: str) -> bool:
        raw = password.encode()
        derived = hashlib.pbkdf2_hmac(self.algorithm, raw, self.salt, self.iterations, len(self.digest))
        return is_equal(derived, self.digest)


def read_django(text: str) -> Pbkdf2Hash:
    """Read `pbkdf2_sha256$iterations$salt$digest in Base64`."""
    algorithm, iterations, salt, digest = require_match(_DJANGO, text, "Django PBKDF2").groups()
    return Pbkdf2Hash(algorithm, int(iterations), salt.encode(), decode_digest(digest))


def read_werkzeug(text: str) -> Pbkdf2Hash:
    """Read `pbkdf2:sha256:iterations$salt$digest in hexadecimal`."""
    algorithm, iterations, salt, digest = require_match(_WERKZEUG, text, "Werkzeug PBKDF2").groups()
    count = int(iterations or _WERKZEUG_DEFAULT_ITERATIONS)
    return Pbkdf2Hash(algorithm, count, salt.encode(), decode_hex_digest(digest))


def read_passlib(text: str) -> Pbkdf2Hash:
    """Read `$pbkdf2-sha256$iterations$salt$digest`, both in passlib's Base64."""
    algorithm, iterations, salt, digest = require_match(_PASSLIB, text, "passlib PBKDF2").groups()
    return Pbkdf2Hash(algorithm or "sha1", int(iterations), decode_base64(salt, "salt"), decode_digest(digest))


def read_spring(text: str, *, is_v5_8: bool) -> Pbkdf2Hash:
    """Read salt and digest in hexadecimal. The encoder's secret must have been empty, which is its default."""
    salt_bytes, iterations, algorithm = _SPRING[is_v5_8]
    raw = decode_hex(text)
    return Pbkdf2Hash(algorithm, iterations, raw[:salt_bytes], raw[salt_bytes:])
