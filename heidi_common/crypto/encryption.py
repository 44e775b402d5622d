"""Field encryption: for secrets that must be stored but must not be readable in a stolen database.

An encrypted value is a token, `v1.<key id>.<nonce and ciphertext>`. The key id identifies the key without revealing
it. To rotate keys, put a new key in front of the old ones::

    encryptor = FieldEncryptor(settings.encryption_keys)
    token = encryptor.encrypt({"apiKey": "..."}, context=b"integration:" + integration_id.bytes)
    encryptor.decrypt(token, context=b"integration:" + integration_id.bytes)

The context is authenticated but not stored. It binds a token to its row and column, so that a token that was copied
to another row cannot be decrypted there.

Source: AES-256-GCM with random 96-bit nonces, NIST SP 800-38D.
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
    """A configured key cannot be used. The message names its position, never the key itself."""


class DecryptionError(ValueError):
    """A token is damaged, belongs to another context, or was encrypted with a key that is not configured."""


class FieldEncryptor:
    """Encrypts JSON values with AES-256-GCM. The first key encrypts; every key decrypts.

    Args:
        keys: Keys of 32 bytes each, in Base64 (either alphabet). The first one is the current key.

    Raises:
        InvalidKey: `keys` is empty, or a key is not Base64 or has another length.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidKey("at least one encryption key is required")
        raw_keys = [_decode_key(key, number) for number, key in enumerate(keys, start=1)]
        self._ciphers = {_key_id(key): AESGCM(key) for key in raw_keys}
        self._current = _key_id(raw_keys[0])

    def encrypt(self, value: Any, context: bytes = b"") -> str:
        """Encrypt a JSON value with the current key.

        Args:
            value: Any JSON value.
            context: Identifies the place where the token will be stored. `decrypt` needs the same bytes.

        Returns:
            The token. It differs each time, also for equal values.
        """
        plaintext = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return self._encrypt(plaintext, context)

    def decrypt(self, token: str, context: bytes = b"") -> Any:
        """Decrypt a token.

        Args:
            token: The token that `encrypt` has returned.
            context: The context that was passed to `encrypt`.

        Returns:
            The JSON value.

        Raises:
            DecryptionError: The token is damaged, belongs to another context, or its key is not configured.
        """
        return json.loads(self._decrypt(token, context))

    def reencrypt(self, token: str, context: bytes = b"") -> str:
        """Encrypt the value of a token again with the current key.

        Args:
            token: The token that `encrypt` has returned.
            context: The context that was passed to `encrypt`.

        Returns:
            A new token, or the same one if it was encrypted with the current key.

        Raises:
            DecryptionError: As in `decrypt`.
        """
        plaintext = self._decrypt(token, context)
        return token if self.is_current(token) else self._encrypt(plaintext, context)

    def is_current(self, token: str) -> bool:
        """Whether a token was encrypted with the current key."""
        return token.startswith(f"{_FORMAT}.{self._current}.")

    def _encrypt(self, plaintext: bytes, context: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._current].encrypt(nonce, plaintext, _associated_data(self._current, context))
        return f"{_FORMAT}.{self._current}.{base64.urlsafe_b64encode(nonce + ciphertext).decode()}"

    def _decrypt(self, token: str, context: bytes) -> bytes:
        key_id, blob = _parse(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise DecryptionError(f"encrypted with key {key_id}, which is not configured")
        try:
            return cipher.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _associated_data(key_id, context))
        except InvalidTag:
            raise DecryptionError("the token is damaged or belongs to another context") from None


def _decode_key(key: str, number: int) -> bytes:
    try:
        # openssl prints the standard alphabet, Python's Fernet the URL-safe one.
        raw = base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey(f"encryption key {number} is not base64") from None
    if len(raw) != _KEY_BYTES:
        raise InvalidKey(f"encryption key {number} has {len(raw)} bytes instead of {_KEY_BYTES}")
    return raw


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"heidi key id" + key).hexdigest()[:8]


def _associated_data(key_id: str, context: bytes) -> bytes:
    return f"{_FORMAT}.{key_id}.".encode() + context


def _parse(token: str) -> tuple[str, bytes]:
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != _FORMAT or not parts[2].isascii():
        raise DecryptionError("not an encrypted value")
    try:
        blob = base64.b64decode(parts[2], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise DecryptionError("not an encrypted value") from None
    if len(blob) <= _NONCE_BYTES:
        raise DecryptionError("not an encrypted value")
    return parts[1], blob


@per_app
def field_encryptor(settings: Settings) -> FieldEncryptor:
    """The encryptor of the current app, with the settings' ENCRYPTION_KEYS."""
    return FieldEncryptor(settings.encryption_keys)
