"""Password hashing: argon2id by default, bcrypt as an option. Hashes of both kinds, and of other systems, are verified.

The services auth and users both hash passwords::

    stored = password_hasher().hash("correct horse battery")
    password_hasher().verify(stored, "correct horse battery").is_correct  # True
    password_hasher().verify(None, "any password").is_correct             # False, after the same amount of work
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import bcrypt
from argon2.exceptions import Argon2Error

from heidi_common.config.settings import Settings
from heidi_common.identity import firebase_projects
from heidi_common.identity.password_formats import argon2_hash, bcrypt_hash
from heidi_common.identity.password_formats.argon2_hash import Argon2Hash
from heidi_common.identity.password_formats.bcrypt_hash import BcryptHash
from heidi_common.identity.password_formats.reading import FindParameters, read_hash
from heidi_common.identity.password_formats.stored_hash import InvalidHash, StoredHash
from heidi_common.identity.password_text import normalize_password, password_forms
from heidi_common.problems import Unavailable
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
MAX_PASSWORD_BYTES = 1024
WAIT_SECONDS = 5.0
"""How long a caller waits for a slot."""
BCRYPT_ROUNDS = 10
S = TypeVar("S")


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
        find_parameters: Finds the parameters of imported Firebase hashes.
    """

    def __init__(
        self,
        algorithm: str = "argon2id",
        slots: int | None = None,
        find_parameters: FindParameters = lambda _: None,
    ) -> None:
        self.algorithm = algorithm
        self._find_parameters = find_parameters
        self._slots = threading.BoundedSemaphore(slots or os.cpu_count() or 1)
        self._dummy = self.read(self._hash("the password of no account"))

    def read(self, stored: str) -> StoredHash:
        """Read a stored hash, such as one that is imported.

        Raises:
            InvalidHash: `verify` cannot verify it. The message says why, and what to do instead.
        """
        return read_hash(stored, self._find_parameters)

    def hash(self, password: str) -> str:
        """Hash a password.

        Args:
            password: A password of up to MAX_PASSWORD_BYTES bytes in UTF-8. It is normalized.

        Returns:
            The hash in the usual text format of its algorithm, with salt and parameters.

        Raises:
            Unavailable: `busy`. No slot became free within 5 s.
        """
        with self._slot():
            return self._hash(normalize_password(password))

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
            password: Any text. Its other forms are tried too (`password_text`).
            before_hash: Called when a slot is free, before the work. An exception that it raises ends the verification.

        Returns:
            Whether the password is correct. It is not if the hash has an unknown format.

        Raises:
            Unavailable: `busy`. No slot became free within 5 s.
        """
        forms = [""] if len(password.encode()) > MAX_PASSWORD_BYTES else password_forms(password)
        known = self._read_known(stored)
        with self._slot():
            status = before_hash()
            matching = next((form for form in forms if _matches(known or self._dummy, form)), None)
        if not matching or known is None:
            return PasswordCheck(status, is_correct=False)
        return PasswordCheck(status, is_correct=True, needs_rehash=matching != forms[0] or self._needs_rehash(known))

    def _read_known(self, stored: str | None) -> StoredHash | None:
        try:
            return None if stored is None else self.read(stored)
        except InvalidHash as error:
            log.error("a stored password hash cannot be verified", extra={"reason": str(error)})
            return None

    def _hash(self, password: str) -> str:
        return _bcrypt_hash(password) if self.algorithm == "bcrypt" else argon2_hash.HASHER.hash(password)

    def _needs_rehash(self, stored: StoredHash) -> bool:
        if self.algorithm == "bcrypt":
            return not isinstance(stored, BcryptHash) or stored.needs_rehash(BCRYPT_ROUNDS)
        return not isinstance(stored, Argon2Hash) or stored.needs_rehash()

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
    return PasswordHasher(settings.password_hasher, find_parameters=firebase_projects.Finder().find)


def is_known_hash(stored: str) -> bool:
    """Whether `PasswordHasher.verify` can verify a hash without the parameters of a Firebase project."""
    try:
        read_hash(stored, lambda _: None)
    except InvalidHash:
        return False
    return True


def _matches(stored: StoredHash, password: str) -> bool:
    """Verify a hash that has been read. A failure of the library, such as lack of memory, is not an error response."""
    try:
        return stored.matches(password)
    except (ValueError, MemoryError, Argon2Error) as error:
        log.error("a stored password hash could not be verified", extra={"reason": repr(error)[:200]})
        return False


def _bcrypt_hash(password: str) -> str:
    """Hash with plain bcrypt up to 72 bytes. bcrypt ignores further bytes, so longer passwords are hashed first."""
    raw = password.encode()
    salt = bcrypt.gensalt(BCRYPT_ROUNDS)
    if bcrypt_hash.fits(raw):
        return bcrypt.hashpw(raw, salt).decode()
    return bcrypt_hash.PREHASHED + bcrypt.hashpw(bcrypt_hash.digest(raw), salt).decode()
