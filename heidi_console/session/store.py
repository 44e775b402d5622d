"""Sessions in Redis: a hash with two encrypted fields, so that saving one does not overwrite the other.

- `data`: Flask's session: CSRF token, messages to the user, preferences of the display.
- `tokens`: the tokens of the API and the signed-in user. Only sign-in and refresh write it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import redis

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.redis.client import redis_client
from heidi_console.session.problems import SessionsUnavailable

Fields = dict[str, Any]
DATA, TOKENS = "data", "tokens"


def new_id() -> str:
    """A random session ID of 256 bits."""
    return secrets.token_urlsafe(32)


def load(session_id: str) -> Fields | None:
    """Read a session.

    Returns:
        Its fields, or None if it does not exist or cannot be decrypted.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    key = _key(session_id)
    try:
        stored: dict[bytes, bytes] = redis_client().hgetall(key)  # type: ignore[assignment]
    except redis.RedisError as error:
        raise SessionsUnavailable from error
    try:
        return {name.decode(): _decrypt(key, name.decode(), value) for name, value in stored.items()} or None
    except DecryptionError:
        return None


def save(session_id: str, field: str, value: Any, *, seconds: int) -> None:
    """Write a field of a session, and keep the session for a number of seconds from now.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    key = _key(session_id)
    token = field_encryptor().encrypt(value, f"{key}:{field}".encode())
    try:
        with redis_client().pipeline() as pipe:
            pipe.hset(key, field, token)
            pipe.expire(key, seconds)
            pipe.execute()
    except redis.RedisError as error:
        raise SessionsUnavailable from error


def delete(session_id: str) -> None:
    """Delete a session.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    try:
        redis_client().delete(_key(session_id))
    except redis.RedisError as error:
        raise SessionsUnavailable from error


def _key(session_id: str) -> str:
    """An attacker who reads Redis learns only the hash of an ID, which is not sufficient to use the session."""
    return f"heidi:console:session:{hashlib.sha256(session_id.encode()).hexdigest()}"


def _decrypt(key: str, field: str, token: bytes) -> Any:
    return field_encryptor().decrypt(token.decode(), f"{key}:{field}".encode())
