"""The platform's signing keys: Ed25519, as JSON Web Key Sets (RFC 7517, RFC 8037).

The private set belongs to auth alone. Each of its keys has a `state`: `next` (published, not yet used), `current`
(signs) or `previous` (still verifies). The public set is what `/.well-known/jwks.json` shows.
"""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from heidi_common.config.settings import Settings
from heidi_common.crypto import base64url
from heidi_common.problems import Unavailable
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
Jwk = dict[str, Any]
STATES = ("next", "current", "previous")
REFRESH_SECONDS = 300
UNKNOWN_KID_SECONDS = 10
_UNUSABLE = (OSError, ValueError, KeyError, TypeError)
"""What reading a source may raise: it is away (requests' errors are OSErrors), or it says what is no key set."""


def generate_key(state: str = "current") -> Jwk:
    """A new private key; its kid is the RFC 7638 thumbprint's job done by randomness: 8 bytes of the public key."""
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
    """The JWKS that anybody may see."""
    shown = ("kty", "crv", "kid", "x")
    return {"keys": [{name: key[name] for name in shown} | {"use": "sig", "alg": "EdDSA"} for key in keys]}


class PrivateKeys:
    """The signing side. The source is a JSON text or a file's path; a changed file is read again."""

    def __init__(self, source: str) -> None:
        self._source = _Source(source)
        self._version: object = None
        self._current: tuple[str, Ed25519PrivateKey] | None = None
        self._keys: list[Jwk] = []

    @property
    def keys(self) -> list[Jwk]:
        self._load()
        return self._keys

    def current(self) -> tuple[str, Ed25519PrivateKey]:
        """(kid, key) to sign with; parsed once, since parsing costs more than signing."""
        self._load()
        assert self._current is not None
        return self._current

    def _load(self) -> None:
        try:
            self._read()
        except _UNUSABLE as error:
            if self._version is None:
                raise
            log.warning("the signing keys cannot be read anew; the known ones go on", extra={"error": repr(error)})

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
    """The verifying side: a dictionary kid -> key, refreshed from its source, never looked up by what a token says."""

    def __init__(self, source: str) -> None:
        self._source = _Source(source)
        self._version: object = None
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._asked = -math.inf

    def get(self, kid: object) -> Ed25519PublicKey:
        """The key of that id; KeyError when it is unknown, Unavailable when no key could be read yet."""
        age = time.monotonic() - self._asked
        limit = REFRESH_SECONDS if kid in self._keys else UNKNOWN_KID_SECONDS
        if self._source.is_file or age > limit:
            self._load()
        if self._version is None:
            raise Unavailable("Tokens cannot be verified at the moment.", code="keys_away")
        return self._keys[str(kid)]

    def _load(self) -> None:
        self._asked = time.monotonic()  # of a source that hangs, only one request in a while finds out
        try:
            self._read()
        except _UNUSABLE as error:
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


class _Source:
    """Inline JSON, a file (read again when it changed) or an http(s) URL."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.is_url = source.startswith(("http://", "https://"))
        self.is_inline = source.lstrip().startswith("{")
        self.is_file = not (self.is_url or self.is_inline)

    def read(self, known: object) -> tuple[object, str | None]:
        """(version, text); the text is None when the known version is still the current one."""
        if self.is_inline:
            return "inline", None if known == "inline" else self._source
        if self.is_url:
            answer = requests.get(self._source, timeout=5, allow_redirects=False)
            answer.raise_for_status()
            return "url", answer.text
        found = Path(self._source).stat()
        version = (found.st_mtime_ns, found.st_ino)
        return version, None if version == known else Path(self._source).read_text()


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
