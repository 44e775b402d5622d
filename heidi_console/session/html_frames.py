"""HTML of e-mails and templates, kept for a frame of a page: encrypted, for this session only, and for an hour.

A frame needs a separate response, because its Content Security Policy differs from that of the page.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import redis
from flask import session

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.redis.client import redis_client
from heidi_console.session.problems import SessionsUnavailable

SECONDS = 3600
_REMOTE = re.compile(
    r"""(?:src|srcset|background|poster)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?\s*(?:https?:)?//""", re.I
)


@dataclass(frozen=True)
class HtmlFrame:
    """HTML that is kept.

    Attributes:
        key: Identifies it in the URL of the frame.
        has_remote_images: Whether it would load images from other sites.
    """

    key: str
    has_remote_images: bool


def keep(html: str | None) -> HtmlFrame | None:
    """Keep HTML for a frame; None if there is none. The same HTML keeps its key: live pages are rendered often.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    if not html:
        return None
    key = hashlib.sha256(f"{_session_id()}:{html}".encode()).hexdigest()[:32]
    try:
        redis_client().set(_name(key), field_encryptor().encrypt(html, _context(key)), ex=SECONDS)
    except redis.RedisError as error:
        raise SessionsUnavailable from error
    return HtmlFrame(key, _REMOTE.search(html) is not None)


def load(key: str) -> str | None:
    """Read the HTML that this session has kept; None if it has expired or another session has kept it.

    Raises:
        SessionsUnavailable: Redis is unavailable.
    """
    try:
        stored: bytes | None = redis_client().get(_name(key))  # type: ignore[assignment]
    except redis.RedisError as error:
        raise SessionsUnavailable from error
    try:
        return str(field_encryptor().decrypt(stored.decode(), _context(key))) if stored else None
    except DecryptionError:
        return None


def _name(key: str) -> str:
    return f"heidi:console:html:{key}"


def _context(key: str) -> bytes:
    """Binds the HTML to its key and to the session."""
    return f"{key}:{_session_id()}".encode()


def _session_id() -> str | None:
    return getattr(session, "id", None)
