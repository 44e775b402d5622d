"""Sessions: one row each, a refresh token that rotates, converges for ten seconds, and betrays its thief."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, insert, select, update
from uuid_utils.compat import uuid7

from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record, record_failure
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, serializers
from heidi_common.identity.models import Session, User
from heidi_common.identity.serializers import AnyRow
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Forbidden, NotFound, Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.auth import mailer, tokens
from heidi_services.auth.tokens import Place

CONVERGE = timedelta(seconds=10)
RECENT = timedelta(minutes=10)
_SEEN = select(Session.user_agent).where(Session.user_id == bindparam("user_id"))
_SAME = Session.user_agent.is_not_distinct_from(bindparam("user_agent"))
_NEW_DEVICE = CompiledStatement(select((exists(_SEEN) & ~exists(_SEEN.where(_SAME))).label("is_new")))
_OPENED = ("id", "user_id", "counter", "rotated_at", "created_at", "idle_expires_at", "absolute_expires_at")
_OPEN = CompiledStatement(
    insert(Session)
    .values({name: bindparam(name) for name in (*_OPENED, "ip", "user_agent", "label")})
    .returning(Session.id),
    changes=True,
)


@dataclass(frozen=True)
class Device:
    """Where a request comes from; `label` is what the person calls the device."""

    ip: str
    user_agent: str | None = None
    label: str | None = None


def start(user: Any, device: Device) -> dict[str, Any]:
    """Open a session within the caller's transaction; the answer of a sign-in. Mails about a device not seen before."""
    now, settings = utcnow(), current_settings()
    session = {
        "id": uuid7(),
        "user_id": user.id,
        "counter": 1,
        "rotated_at": now,
        "created_at": now,
        "idle_expires_at": now + timedelta(seconds=settings.session_idle_seconds),
        "absolute_expires_at": now + timedelta(seconds=settings.session_absolute_seconds),
        "ip": device.ip,
        "user_agent": device.user_agent,
        "label": device.label,
    }
    if _is_new_device(user.id, device):
        at = now.strftime("%Y-%m-%d %H:%M UTC")
        mailer.send(
            "new-device", user, kind="WARNING", device=device.label or device.user_agent or "", ip=device.ip, at=at
        )
    _OPEN.all(**session)
    record("authn_login_success", actor=user.id, target=session["id"])
    place = Place(session["id"], 1, min(session["idle_expires_at"], session["absolute_expires_at"]))
    return {"user": serializers.serialize_user(user), **tokens.pair(user, place, now)}


def refresh(token: str, now: datetime | None = None) -> dict[str, Any]:
    """A new pair for a refresh token; the old one is dead. A token from further back ends the session."""
    user_id, session_id, counter = tokens.read_refresh(token)
    now = now or utcnow()
    with transaction():
        place = _rotate(session_id, user_id, counter, now) or _converge(session_id, user_id, counter, now)
        user = accounts.find_public(user_id, User.token_version) if place else None
    if place and user and user.is_active:
        return {"user": serializers.serialize_user(user), **tokens.pair(user, place, now)}
    if not place and _is_behind(session_id, user_id, counter, now):
        _end_stolen(session_id, user_id)
    record_token_failure("authn_token_invalid", "refresh", actor=user_id, target=session_id)
    raise Unauthorized("The session has ended.", error="invalid_token")


def _rotate(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> Place | None:
    """The first user of the current token: counts on. Others who come at the same time find no row."""
    idle = now + timedelta(seconds=current_settings().session_idle_seconds)
    statement = (
        update(Session)
        .where(Session.id == session_id, Session.user_id == user_id, Session.counter == counter)
        .where(*accounts.active_session_conditions(Session, now))
        .values(counter=Session.counter + 1, rotated_at=now, idle_expires_at=idle)
        .returning(Session.counter, Session.absolute_expires_at)
    )
    row = db.session.execute(statement).first()
    return None if row is None else Place(session_id, row.counter, min(idle, row.absolute_expires_at))


def _converge(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> Place | None:
    """One behind, and the rotation was a moment ago: two tabs at once. The current counter again."""
    statement = (
        select(Session.counter, Session.idle_expires_at, Session.absolute_expires_at)
        .where(Session.id == session_id, Session.user_id == user_id, Session.counter == counter + 1)
        .where(Session.rotated_at >= now - CONVERGE, *accounts.active_session_conditions(Session, now))
    )
    row = db.session.execute(statement).first()
    return None if row is None else Place(session_id, row.counter, min(row.idle_expires_at, row.absolute_expires_at))


def _is_behind(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> bool:
    live = select(exists().where(Session.id == session_id, Session.user_id == user_id, Session.counter > counter))
    return bool(db.session.scalar(live.where(*accounts.active_session_conditions(Session, now))))


def _end_stolen(session_id: UUID, user_id: UUID) -> None:
    """Somebody holds an old token: end the session for both, tell the person, and say no."""
    db.session.rollback()
    with transaction():
        ended = accounts.end_sessions(user_id, "token_reuse", only=session_id)
        person = _person(user_id)
        if ended and person:
            mailer.send("token-theft", person, kind="ALERT", at=utcnow().strftime("%Y-%m-%d %H:%M UTC"))
    record_failure("authn_token_reuse", actor=user_id, target=session_id)
    raise Unauthorized("The session has ended.", error="invalid_token")


def logout(caller: Caller) -> None:
    """End the caller's session, its access tokens too, on all services."""
    with transaction():
        accounts.end_sessions(caller.id, "logout", only=caller.session_id)
        record("authn_logout", actor=caller.id, target=caller.session_id)


def logout_all(caller: Caller) -> None:
    with transaction():
        ended = accounts.end_sessions(caller.id, "logout_all")
        accounts.revoke_access_tokens(caller.id)
        record("authn_logout_all", actor=caller.id, target=caller.id, detail={"sessions": len(ended)})


def devices(caller: Caller, user_id: UUID | None = None) -> list[dict[str, Any]]:
    """The live sessions, latest use first; an ADMIN may ask for somebody else's."""
    if user_id not in (None, caller.id) and not caller.is_admin:
        raise Forbidden("These are not yours.")
    statement = (
        select(Session)
        .where(Session.user_id == (user_id or caller.id), *accounts.active_session_conditions(Session, utcnow()))
        .order_by(Session.rotated_at.desc())
        .limit(200)
    )
    return [_shown(session, caller) for session in db.session.scalars(statement)]


def end(caller: Caller, session_id: UUID) -> None:
    """End one of one's own sessions; another person's does not exist."""
    with transaction():
        if not accounts.end_sessions(caller.id, "ended_by_owner", only=session_id):
            raise NotFound("There is no such session.")
        record("authn_session_ended", actor=caller.id, target=session_id)


def require_recent(caller: Caller) -> None:
    """Forbidden unless the caller signed in a moment ago: refreshing proves nobody's presence, so it does not count."""
    began = db.session.scalar(select(Session.created_at).where(Session.id == caller.session_id))
    db.session.rollback()
    if began is None or utcnow() - began > RECENT:
        detail = f"This needs a sign-in of the last {RECENT.seconds // 60} minutes: sign in again, then repeat it."
        raise Forbidden(detail, code="recent_sign_in_required")


def _shown(session: Session, caller: Caller) -> dict[str, Any]:
    return {
        "id": session.id,
        "device": session.label or session.user_agent,
        "label": session.label,
        "user_agent": session.user_agent,
        "ip": session.ip,
        "created_at": session.created_at,
        "last_used_at": session.rotated_at,
        "current": session.id == caller.session_id,
    }


def _is_new_device(user_id: UUID, device: Device) -> bool:
    """Not the first sign-in, and none before had this user agent."""
    found: bool = _NEW_DEVICE.all(user_id=user_id, user_agent=device.user_agent)[0].is_new
    return found


def _person(user_id: UUID) -> AnyRow | None:
    columns: tuple[Any, ...] = (User.id, User.email, User.first_name, User.locale)
    return db.session.execute(select(*columns).where(User.id == user_id)).first()
