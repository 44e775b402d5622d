"""Field encryption: what must be stored but never read from a stolen database.

A token is ``v1.<key id>.<nonce and ciphertext>``; the key id names the key without
telling anything about it, so keys rotate by putting a new one in front of the old ones::

    sealer = Sealer(settings.encryption_keys)
    token = sealer.encrypt({"apiKey": "..."}, context=b"integration:" + integration_id.bytes)
    sealer.decrypt(token, context=b"integration:" + integration_id.bytes)

The context is not stored. It ties a token to its place, so that a token copied into
another row does not open there.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app

_FORMAT = "v1"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class InvalidKey(ValueError):
    """A configured key cannot be used; the message never holds the key itself."""


class DecryptionError(ValueError):
    """A token is damaged, belongs elsewhere, or was sealed with a key we no longer have."""


class FieldEncryptor:
    """Seals JSON values with AES-256-GCM. The first key seals, every key opens."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidKey("at least one encryption key is needed")
        raw = [_decode_key(key, number) for number, key in enumerate(keys, start=1)]
        self._ciphers = {_key_id(key): AESGCM(key) for key in raw}
        self._current = _key_id(raw[0])

    def encrypt(self, obj: Any, context: bytes = b"") -> str:
        """Encrypt any JSON value."""
        plain = json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode()
        return self._encrypt(plain, context)

    def decrypt(self, token: str, context: bytes = b"") -> Any:
        """The value that was sealed; ``CannotOpen`` when it cannot be trusted."""
        return json.loads(self._decrypt(token, context))

    def reencrypt(self, token: str, context: bytes = b"") -> str:
        """The same value under the current key; the token itself when it already is."""
        plain = self._decrypt(token, context)
        return token if self.is_current(token) else self._encrypt(plain, context)

    def is_current(self, token: str) -> bool:
        return token.startswith(f"{_FORMAT}.{self._current}.")

    def _encrypt(self, plain: bytes, context: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, plain, _bind(self._current, context))
        return f"{_FORMAT}.{self._current}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def _decrypt(self, token: str, context: bytes) -> bytes:
        key_id, blob = _parse(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise DecryptionError(f"sealed with key {key_id}, which is not configured")
        try:
            return cipher.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _bind(key_id, context))
        except InvalidTag:
            raise DecryptionError("the token is damaged or belongs to another place") from None


def _decode_key(key: str, number: int) -> bytes:
    try:
        # Both alphabets are in use: openssl prints one, Python's Fernet the other.
        raw = base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey(f"encryption key {number} is not base64") from None
    if len(raw) != _KEY_BYTES:
        raise InvalidKey(f"encryption key {number} has {len(raw)} bytes instead of {_KEY_BYTES}")
    return raw


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"heidi key id" + key).hexdigest()[:8]


def _bind(key_id: str, context: bytes) -> bytes:
    return f"{_FORMAT}.{key_id}.".encode() + context


def _parse(token: str) -> tuple[str, bytes]:
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != _FORMAT or not parts[2].isascii():
        raise DecryptionError("not a sealed value")
    try:
        blob = base64.b64decode(parts[2], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise DecryptionError("not a sealed value") from None
    if len(blob) <= _NONCE_BYTES:
        raise DecryptionError("not a sealed value")
    return parts[1], blob


@per_app
def field_encryptor(settings: Settings) -> FieldEncryptor:
    """Encrypts and decrypts fields with ENCRYPTION_KEYS."""
    return FieldEncryptor(settings.encryption_keys)
