"""Whether a sign-in still holds: Redis answers, PostgreSQL is the truth.

Redis holds what is known: `session:<id>` is 1 (live) or 0 (ended), `ver:<user>` the user's token version. A live mark
lives for 30 s and is only ever written where nothing stands (NX); an end overwrites it and outlives every access
token. So a slow reader cannot revive an ended session, and a flushed or dead Redis only costs a look into PostgreSQL.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

import redis
from sqlalchemy import func, select

from heidi_common.database.transactions import after_commit, reading
from heidi_common.identity.models import MachineClient, Session, User
from heidi_common.redis.client import mget, redis_client
from heidi_common.runtime import current_settings

log = logging.getLogger(__name__)
LIVE_SECONDS = 30
ENDED_MARGIN = 60


def is_session_active(session_id: UUID, user_id: UUID, version: int) -> bool:
    """True when the session is live and the token's version is the user's current one."""
    known = _read_marks(f"session:{session_id}", f"ver:{user_id}")
    if b"0" in known[:1]:
        return False
    if None not in known and int(known[1] or 0) >= version:
        return int(known[1] or 0) == version
    return _query_database(session_id, user_id, version)


def is_client_active(client_id: UUID) -> bool:
    """True while the machine client is not revoked."""
    known = _read_marks(f"client:{client_id}")[0]
    if known is not None:
        return known == b"1"
    live = select(MachineClient.id).where(MachineClient.id == client_id, MachineClient.revoked_at.is_(None))
    with reading() as connection:
        found = connection.execute(live).first() is not None
    _cache_marks({f"client:{client_id}": "1" if found else "0"})
    return found


def end_sessions(session_ids: Iterable[UUID]) -> None:
    """Make ended sessions known to all services: at once, and again at commit (a reader may have looked in between)."""
    _announce_marks({f"session:{found}": "0" for found in session_ids})


def end_client(client_id: UUID) -> None:
    _announce_marks({f"client:{client_id}": "0"})


def announce_token_version(user_id: UUID, version: int) -> None:
    """Make a user's new token version known: every older access token is refused from the commit on."""
    _announce_marks({f"ver:{user_id}": str(version)})


def _query_database(session_id: UUID, user_id: UUID, version: int) -> bool:
    """The truth, on a connection that goes back to the pool at once (a stream must not hold one)."""
    statement = (
        select(User.token_version, User.is_active & User.deleted_at.is_(None), Session.revoked_at.is_(None))
        .join(Session, Session.user_id == User.id)
        .where(Session.id == session_id, User.id == user_id, Session.absolute_expires_at > func.now())
    )
    with reading() as connection:
        row = connection.execute(statement).first()
    if row is None:
        return False
    current, user_live, session_live = row
    live = bool(user_live and session_live)
    _cache_marks({f"session:{session_id}": "1" if live else "0", f"ver:{user_id}": str(current)})
    return live and int(current) == version


def _read_marks(*keys: str) -> list[bytes | None]:
    try:
        return mget(redis_client(), [f"heidi:{key}" for key in keys])
    except redis.RedisError:
        return [None] * len(keys)


def _cache_marks(marks: dict[str, str]) -> None:
    _write_marks(marks, seconds=LIVE_SECONDS, only_new=True)


def _announce_marks(marks: dict[str, str]) -> None:
    """Before the commit and after it: between the two, a reader may fill in what it has just read.

    The mark before lives no longer than a request, so that one whose commit fails is forgotten soon.
    """
    settings = current_settings()
    _write_marks(marks, seconds=settings.request_time_limit + LIVE_SECONDS, only_new=False)
    for_good = settings.access_token_seconds + ENDED_MARGIN
    after_commit(lambda: _write_marks(marks, seconds=for_good, only_new=False))


def _write_marks(marks: dict[str, str], *, seconds: int, only_new: bool) -> None:
    if not marks:
        return
    try:
        with redis_client().pipeline(transaction=False) as pipe:
            for key, value in marks.items():
                pipe.set(f"heidi:{key}", value, ex=seconds, nx=only_new)
            pipe.execute()
    except redis.RedisError:
        log.warning("redis is away: live marks end by themselves", extra={"seconds": LIVE_SECONDS})
