"""Password hashing: argon2id by default, bcrypt as an option. Hashes of both kinds are verified.

The services auth and users both hash passwords::

    stored = password_hasher().hash("correct horse battery")
    password_hasher().verify(stored, "correct horse battery").is_correct  # True
    password_hasher().verify(None, "any password").is_correct             # False, after the same amount of work
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import bcrypt
from argon2 import PasswordHasher as Argon2Hasher
from argon2 import Type
from argon2.exceptions import InvalidHashError, VerificationError

from heidi_common.config.settings import Settings
from heidi_common.problems import Unavailable
from heidi_common.runtime import per_app

MAX_PASSWORD_BYTES = 1024
WAIT_SECONDS = 5.0
"""How long a caller waits for a slot."""
BCRYPT_ROUNDS = 10
BCRYPT_BYTES = 72
BCRYPT_SHA256_PREFIX = "bcrypt-sha256"
"""Marks the bcrypt hash of a password that was longer than BCRYPT_BYTES and therefore hashed with SHA-256 first."""
S = TypeVar("S")

# 19 MiB, two passes, one lane. Source: OWASP Password Storage Cheat Sheet.
_ARGON2 = Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


@dataclass(frozen=True)
class PasswordCheck(Generic[S]):
    """The result of a verification.

    Attributes:
        status: What `before_hash` returned; None without it.
        is_correct: Whether the password belongs to the hash.
        needs_rehash: Whether the hash should be replaced, because it has another algorithm or other parameters.
    """

    status: S
    is_correct: bool
    needs_rehash: bool = False


class PasswordHasher:
    """Hashes with one algorithm and verifies hashes of all algorithms. Safe for threads.

    Args:
        algorithm: `argon2id` or `bcrypt`.
        slots: How many passwords are hashed at the same time; by default the number of CPUs. Other callers wait.
    """

    def __init__(self, algorithm: str = "argon2id", slots: int | None = None) -> None:
        self.algorithm = algorithm
        self._slots = threading.BoundedSemaphore(slots or os.cpu_count() or 1)
        self._dummy = self._hash("the password of no account")

    def hash(self, password: str) -> str:
        """Hash a password.

        Args:
            password: A password of up to MAX_PASSWORD_BYTES bytes in UTF-8.

        Returns:
            The hash in the usual text format of its algorithm, with salt and parameters.

        Raises:
            Unavailable: `busy`. No slot became free within 5 s.
        """
        with self._slot():
            return self._hash(password)

    @overload
    def verify(self, stored: str | None, password: str) -> PasswordCheck[None]: ...
    @overload
    def verify(self, stored: str | None, password: str, *, before_hash: Callable[[], S]) -> PasswordCheck[S]: ...
    def verify(
        self, stored: str | None, password: str, *, before_hash: Callable[[], Any] = lambda: None
    ) -> PasswordCheck[Any]:
        """Verify a password. This takes the same time if there is no stored hash.

        Args:
            stored: The stored hash; None if there is no account or it has no password.
            password: Any text.
            before_hash: Called when a slot is free, before the work. An exception that it raises ends the verification.

        Returns:
            Whether the password is correct. It is not if the hash has an unknown format.

        Raises:
            Unavailable: `busy`. No slot became free within 5 s.
        """
        too_long = len(password.encode()) > MAX_PASSWORD_BYTES
        known = stored if stored is not None and is_known_hash(stored) else None
        with self._slot():
            status = before_hash()
            matches = _matches(known or self._dummy, "" if too_long else password)
        if not matches or known is None or too_long:
            return PasswordCheck(status, is_correct=False)
        return PasswordCheck(status, is_correct=True, needs_rehash=self._needs_rehash(known))

    def _hash(self, password: str) -> str:
        return _bcrypt_hash(password) if self.algorithm == "bcrypt" else _ARGON2.hash(password)

    def _needs_rehash(self, stored: str) -> bool:
        if self.algorithm == "bcrypt":
            return f"$2b${BCRYPT_ROUNDS}$" not in stored
        return not stored.startswith("$argon2id$") or _ARGON2.check_needs_rehash(stored)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        # Each argon2 hash needs 19 MiB, so the number of concurrent ones must be limited.
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("Too many passwords are being checked. Try again.", code="busy", retry_after=5)
        try:
            yield
        finally:
            self._slots.release()


@per_app
def password_hasher(settings: Settings) -> PasswordHasher:
    """The hasher of the current app, with the settings' PASSWORD_HASHER."""
    return PasswordHasher(settings.password_hasher)


def is_known_hash(stored: str) -> bool:
    """Whether `PasswordHasher.verify` can verify a hash, such as one that is imported."""
    if stored.startswith("$argon2"):
        try:
            _ARGON2.check_needs_rehash(stored)
        except InvalidHashError:
            return False
        return True
    return _is_bcrypt(stored.removeprefix(BCRYPT_SHA256_PREFIX))


def _matches(stored: str, password: str) -> bool:
    if stored.startswith("$argon2"):
        try:
            return _ARGON2.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
    return _bcrypt_matches(stored, password)


def _bcrypt_hash(password: str) -> str:
    """Hash with plain bcrypt up to 72 bytes. bcrypt ignores further bytes, so longer passwords are hashed first."""
    raw = password.encode()
    salt = bcrypt.gensalt(BCRYPT_ROUNDS)
    if _fits_bcrypt(raw):
        return bcrypt.hashpw(raw, salt).decode()
    return BCRYPT_SHA256_PREFIX + bcrypt.hashpw(_digest(raw), salt).decode()


def _bcrypt_matches(stored: str, password: str) -> bool:
    raw = password.encode()
    if stored.startswith(BCRYPT_SHA256_PREFIX):
        raw, stored = _digest(raw), stored.removeprefix(BCRYPT_SHA256_PREFIX)
    # A longer password could match a plain bcrypt hash only if it were truncated. It is hashed to take the same time.
    matches = bcrypt.checkpw(raw if _fits_bcrypt(raw) else _digest(raw), stored.encode())
    return matches and _fits_bcrypt(raw)


def _fits_bcrypt(raw: bytes) -> bool:
    return len(raw) <= BCRYPT_BYTES and b"\0" not in raw


def _digest(raw: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(raw).digest())


def _is_bcrypt(stored: str) -> bool:
    parts = stored.split("$")
    return (
        len(parts) == 4
        and parts[1] in ("2a", "2b", "2y")
        and parts[2].isdigit()
        and 4 <= int(parts[2]) <= 15
        and len(parts[3]) == 53
        and parts[3].isascii()
    )
