"""The signing keys of the platform: Ed25519 keys in JSON Web Key Sets.

The auth service alone has the private set. Each of its keys has a `state`: `next` (published, not yet used), `current`
(signs) or `previous` (only verifies). `/.well-known/jwks.json` is the public set.

Source: RFC 7517 (JWK), RFC 8037 (Ed25519 in JOSE).
"""

from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from heidi_common.config.settings import Settings
from heidi_common.crypto import base64url
from heidi_common.jwt.key_source import KeySource
from heidi_common.problems import Unavailable
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
Jwk = dict[str, Any]
PUBLIC_MEMBERS = ("kty", "crv", "kid", "x")
REFRESH_SECONDS = 300
"""A URL is read again after this time."""
UNKNOWN_KID_SECONDS = 10
"""A token with an unknown key ID makes a URL be read again, but not more often than this."""
_READ_ERRORS = (OSError, ValueError, KeyError, TypeError)
"""A source is unavailable (requests' errors are OSErrors), or its content is not a key set."""


def generate_key(state: str = "current") -> Jwk:
    """Generate a private key.

    Args:
        state: `next`, `current` or `previous`.

    Returns:
        The private JWK. Its `kid` is the first 8 bytes of the public key in hexadecimal.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": public[:8].hex(),
        "x": base64url.encode(public),
        "d": base64url.encode(secret),
        "state": state,
    }


def public_set(keys: list[Jwk]) -> dict[str, list[Jwk]]:
    """The public JWKS of private keys, without their secrets and states."""
    return {"keys": [{name: key[name] for name in PUBLIC_MEMBERS} | {"use": "sig", "alg": "EdDSA"} for key in keys]}


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
        except _READ_ERRORS as error:
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


class PublicKeys:
    """The keys that verify, by their IDs. A token selects one of them and cannot bring its own.

    Args:
        source: The public JWKS: JSON, the path of a file, or a URL.
    """

    def __init__(self, source: str) -> None:
        self._source = KeySource(source)
        self._version: object = None
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._loaded_at = -math.inf

    def get(self, kid: object) -> Ed25519PublicKey:
        """The key with this ID.

        Raises:
            KeyError: The set has no such key.
            Unavailable: No key set could be read yet.
        """
        age = time.monotonic() - self._loaded_at
        limit = REFRESH_SECONDS if kid in self._keys else UNKNOWN_KID_SECONDS
        if self._source.is_file or age > limit:
            self._load()
        if self._version is None:
            raise Unavailable("Tokens cannot be verified: the public keys are currently unavailable.", code="keys_away")
        return self._keys[str(kid)]

    def _load(self) -> None:
        self._loaded_at = time.monotonic()  # set first: while a URL does not respond, other requests do not wait for it
        try:
            self._read()
        except _READ_ERRORS as error:
            log.warning("the public keys cannot be read", extra={"error": repr(error)})

    def _read(self) -> None:
        version, text = self._source.read(self._version)
        if text is None:
            return
        self._keys = {
            key["kid"]: Ed25519PublicKey.from_public_bytes(base64url.decode(key["x"]))
            for key in json.loads(text)["keys"]
        }
        self._version = version


@per_app
def public_keys(settings: Settings) -> PublicKeys:
    """The keys that verify tokens."""
    return PublicKeys(settings.jwt_public_keys)


@per_app
def private_keys(settings: Settings) -> PrivateKeys:
    """The keys that sign tokens. Only the auth service has them.

    Raises:
        RuntimeError: JWT_PRIVATE_KEYS is not set.
    """
    if settings.jwt_private_keys is None:
        raise RuntimeError("JWT_PRIVATE_KEYS is not set: only the auth service signs tokens.")
    return PrivateKeys(settings.jwt_private_keys)
