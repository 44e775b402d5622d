"""Ed25519 keys in JSON Web Key Sets: generate a key, publish a set, and verify with the public keys.

`/.well-known/jwks.json` is the public set; `signing_keys.py` has the private one.

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
from heidi_common.jwt.key_source import READ_ERRORS, KeySource
from heidi_common.problems import Unavailable
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
Jwk = dict[str, Any]
PUBLIC_MEMBERS = ("kty", "crv", "kid", "x")
REFRESH_SECONDS = 300
"""A URL is read again after this time."""
UNKNOWN_KID_SECONDS = 10
"""A token with an unknown key ID makes a URL be read again, but not more often than this."""


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
        except READ_ERRORS as error:
            log.warning("the public keys cannot be read; the previous ones stay in use", extra={"error": repr(error)})

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
