"""The private keys, with which the auth service signs tokens.

Each key has a `state`: `next` (published, not yet used), `current` (signs) or `previous` (only verifies).
"""

from __future__ import annotations

import json
import logging

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heidi_common.config.settings import Settings
from heidi_common.crypto import base64url
from heidi_common.jwt.key_source import READ_ERRORS, KeySource
from heidi_common.jwt.keys import Jwk
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)


class PrivateKeys:
    """The keys that sign. A changed file is read again.

    Args:
        source: The private JWKS: JSON or the path of a file.
    """

    def __init__(self, source: str) -> None:
        self._source = KeySource(source)
        self._version: object = None
        self._current: tuple[str, Ed25519PrivateKey] | None = None
        self._keys: list[Jwk] = []

    @property
    def keys(self) -> list[Jwk]:
        """All keys of the set, as JWKs with their secrets."""
        self._load()
        return self._keys

    def current(self) -> tuple[str, Ed25519PrivateKey]:
        """The key that signs, and its ID. It is parsed once, since parsing takes longer than signing.

        Raises:
            OSError: The file cannot be read, and no key was read before.
            ValueError: The set is malformed or has not exactly one current key, and no key was read before.
        """
        self._load()
        assert self._current is not None
        return self._current

    def _load(self) -> None:
        try:
            self._read()
        except READ_ERRORS as error:
            if self._version is None:
                raise
            log.warning("the signing keys cannot be read; the previous ones stay in use", extra={"error": repr(error)})

    def _read(self) -> None:
        version, text = self._source.read(self._version)
        if text is None:
            return
        keys = json.loads(text)["keys"]
        signing = [key for key in keys if key["state"] == "current"]
        if len(signing) != 1:
            raise ValueError("JWT_PRIVATE_KEYS must have exactly one key in state 'current'")
        self._current = signing[0]["kid"], Ed25519PrivateKey.from_private_bytes(base64url.decode(signing[0]["d"]))
        self._keys, self._version = keys, version


@per_app
def private_keys(settings: Settings) -> PrivateKeys:
    """The keys that sign tokens. Only the auth service has them.

    Raises:
        RuntimeError: JWT_PRIVATE_KEYS is not set.
    """
    if settings.jwt_private_keys is None:
        raise RuntimeError("JWT_PRIVATE_KEYS is not set: only the auth service signs tokens.")
    return PrivateKeys(settings.jwt_private_keys)
