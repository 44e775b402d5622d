"""Revocation: whether a session or client is still active. PostgreSQL is the source of truth, Redis a cache of it.

The cache has marks: `session:<id>` and `client:<id>` are 1 (active) or 0 (ended), `ver:<user>` is the user's token
version. A mark that was read from PostgreSQL lives for 30 s and is only written if there is none (NX). The mark of an
end overwrites it and outlives every access token, so that a slow reader cannot reactivate an ended session. If Redis
is unavailable or was emptied, PostgreSQL is queried.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

import redis
from sqlalchemy import func, select

from heidi_common.database.transactions import after_commit, reading
from heidi_common.identity.models import MachineClient, Session, User
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import mget, redis_client
from heidi_common.runtime import current_settings

log = logging.getLogger(__name__)
ACTIVE_MARK_SECONDS = 30
ENDED_MARK_MARGIN_SECONDS = 60
"""How much longer than an access token the mark of an end lives."""


def is_session_active(session_id: UUID, user_id: UUID, version: int) -> bool:
    """Whether the access tokens of a session are still accepted.

    Args:
        session_id: The session of the token.
        user_id: The user of the token.
        version: The token version in the token (`ver`).

    Returns:
        True if neither the session has ended nor the user's token version has been increased.
    """
    session_mark, version_mark = _read_marks(f"session:{session_id}", f"ver:{user_id}")
    if session_mark == b"0":
        return False
    if session_mark is not None and version_mark is not None and int(version_mark) >= version:
        return int(version_mark) == version
    return _query_session(session_id, user_id, version)


def is_client_active(client_id: UUID) -> bool:
    """Whether a machine client exists and is not revoked."""
    mark = _read_marks(f"client:{client_id}")[0]
    if mark is not None:
        return mark == b"1"
    statement = select(MachineClient.id).where(MachineClient.id == client_id, MachineClient.revoked_at.is_(None))
    with reading() as connection:
        is_active = connection.execute(statement).first() is not None
    _cache_marks({f"client:{client_id}": "1" if is_active else "0"})
    return is_active


def announce_ended_sessions(session_ids: Iterable[UUID]) -> None:
    """Tell all services that sessions have ended. Call it in the transaction that ends them."""
    _announce_marks({f"session:{session_id}": "0" for session_id in session_ids})


def announce_revoked_client(client_id: UUID) -> None:
    """Tell all services that a machine client is revoked. Call it in the transaction that revokes it."""
    _announce_marks({f"client:{client_id}": "0"})


def announce_token_version(user_id: UUID, version: int) -> None:
    """Tell all services a user's new token version, so that they reject access tokens with an older one.

    Call it in the transaction that increases the version.
    """
    _announce_marks({f"ver:{user_id}": str(version)})


def _query_session(session_id: UUID, user_id: UUID, version: int) -> bool:
    """Query PostgreSQL. The connection goes back to the pool immediately, so that a stream does not hold one."""
    statement = (
        select(User.token_version, User.is_active & User.deleted_at.is_(None), Session.revoked_at.is_(None))
        .join(Session, Session.user_id == User.id)
        .where(Session.id == session_id, User.id == user_id, Session.absolute_expires_at > func.now())
    )
    with reading() as connection:
        row = connection.execute(statement).first()
    if row is None:
        return False
    current_version, is_user_active, is_session_open = row
    is_active = bool(is_user_active and is_session_open)
    _cache_marks({f"session:{session_id}": "1" if is_active else "0", f"ver:{user_id}": str(current_version)})
    return is_active and int(current_version) == version


def _read_marks(*keys: str) -> list[bytes | None]:
    """Read marks through the cache, so that an unresponsive Redis delays one request a second and not each of them."""
    cache = redis_cache()
    unknown: list[bytes | None] = [None] * len(keys)
    return cache.attempt(lambda client: mget(client, [cache.key(key) for key in keys]), unknown)


def _cache_marks(marks: dict[str, str]) -> None:
    _write_marks(marks, seconds=ACTIVE_MARK_SECONDS, only_if_absent=True)


def _announce_marks(marks: dict[str, str]) -> None:
    """Write marks immediately and again after the commit, because a reader may cache the old state in between.

    The first marks live little longer than a request, so that they expire soon if the transaction is rolled back.
    """
    settings = current_settings()
    _write_marks(marks, seconds=settings.request_time_limit + ACTIVE_MARK_SECONDS, only_if_absent=False)
    ended_seconds = settings.access_token_seconds + ENDED_MARK_MARGIN_SECONDS
    after_commit(lambda: _write_marks(marks, seconds=ended_seconds, only_if_absent=False))


def _write_marks(marks: dict[str, str], *, seconds: int, only_if_absent: bool) -> None:
    if not marks:
        return
    try:
        with redis_client().pipeline(transaction=False) as pipe:
            for key, value in marks.items():
                pipe.set(f"heidi:{key}", value, ex=seconds, nx=only_if_absent)
            pipe.execute()
    except redis.RedisError:
        log.warning("redis is unavailable; a revocation may take effect late", extra={"seconds": ACTIVE_MARK_SECONDS})
