"""Password hashing: argon2id by default, bcrypt on request, both verified, a bounded number at once.

Two services hash (auth signs in, users creates accounts), so this lives in the common house::

    stored = passwords().hash("correct horse battery")
    passwords().verify(stored, "correct horse battery").ok      # True
    passwords().verify(None, "whatever").ok                     # False, after the same work
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

MAX_BYTES = 1024
WAIT_SECONDS = 5.0
BCRYPT_ROUNDS = 10
BCRYPT_BYTES = 72
LONG_BCRYPT = "bcrypt-sha256"
S = TypeVar("S")

# OWASP's first choice of parameters: 19 MiB, two passes, one lane.
_ARGON2 = Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


@dataclass(frozen=True)
class PasswordCheck(Generic[S]):
    """The result of a verification.

    Attributes:
        status: What `before_hash` returned; None without it.
        ok: Whether the password matches.
        stale: Whether the stored hash should be replaced by one of the current kind.
    """

    status: S
    ok: bool
    stale: bool = False


class PasswordHasher:
    """Hashes with one kind, verifies every kind; more callers than slots wait their turn."""

    def __init__(self, kind: str = "argon2id", slots: int | None = None) -> None:
        self.kind = kind
        self._slots = threading.BoundedSemaphore(slots or os.cpu_count() or 1)
        self._dummy = self._make("nobody has this password")

    def hash(self, password: str) -> str:
        """Raises Unavailable when no slot came free in five seconds."""
        with self._turn():
            return self._make(password)

    @overload
    def verify(self, stored: str | None, password: str) -> PasswordCheck[None]: ...
    @overload
    def verify(self, stored: str | None, password: str, *, before_hash: Callable[[], S]) -> PasswordCheck[S]: ...
    def verify(
        self, stored: str | None, password: str, *, before_hash: Callable[[], Any] = lambda: None
    ) -> PasswordCheck[Any]:
        """Verify a password. Neither a password nor a stored hash makes it raise.

        Args:
            stored: The stored hash. None takes as long as a real one.
            password: As sent.
            before_hash: Called once a slot is free, before hashing. It may raise to reject the request.

        Raises:
            Unavailable: No slot became free within `WAIT_SECONDS`.
        """
        too_long = len(password.encode()) > MAX_BYTES
        known = stored if stored is not None and is_known_hash(stored) else None
        with self._turn():
            status = before_hash()
            fits = _matches(known or self._dummy, "" if too_long else password)
        if not fits or known is None or too_long:
            return PasswordCheck(status, ok=False)
        return PasswordCheck(status, ok=True, stale=self._is_stale(known))

    def _make(self, password: str) -> str:
        return _bcrypt_hash(password) if self.kind == "bcrypt" else _ARGON2.hash(password)

    def _is_stale(self, stored: str) -> bool:
        if self.kind == "bcrypt":
            return f"$2b${BCRYPT_ROUNDS}$" not in stored
        return not stored.startswith("$argon2id$") or _ARGON2.check_needs_rehash(stored)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # A hash takes 19 MiB: a crowd must queue for it, not run out of memory.
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("Too many sign-ins at once", code="busy", retry_after=5)
        try:
            yield
        finally:
            self._slots.release()


@per_app
def password_hasher(settings: Settings) -> PasswordHasher:
    """The hasher of the current app."""
    return PasswordHasher(settings.password_hasher)


def is_known_hash(stored: str) -> bool:
    """Whether an imported hash is of a kind that `verify` understands."""
    if stored.startswith("$argon2"):
        try:
            _ARGON2.check_needs_rehash(stored)
        except InvalidHashError:
            return False
        return True
    return _is_bcrypt(stored.removeprefix(LONG_BCRYPT))


def _matches(stored: str, password: str) -> bool:
    if stored.startswith("$argon2"):
        try:
            return _ARGON2.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
    return _bcrypt_matches(stored, password)


def _bcrypt_hash(password: str) -> str:
    """Plain bcrypt up to its 72 bytes; beyond them it would cut, so a digest goes in instead."""
    raw = password.encode()
    salt = bcrypt.gensalt(BCRYPT_ROUNDS)
    if _bcrypt_input(raw):
        return bcrypt.hashpw(raw, salt).decode()
    return LONG_BCRYPT + bcrypt.hashpw(_digest(raw), salt).decode()


def _bcrypt_matches(stored: str, password: str) -> bool:
    raw = password.encode()
    if stored.startswith(LONG_BCRYPT):
        raw, stored = _digest(raw), stored.removeprefix(LONG_BCRYPT)
    # A longer password can only match by being cut: it runs for the time and is refused.
    matches = bcrypt.checkpw(raw if _bcrypt_input(raw) else _digest(raw), stored.encode())
    return matches and _bcrypt_input(raw)


def _bcrypt_input(raw: bytes) -> bool:
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
