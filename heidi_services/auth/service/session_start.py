"""Start sessions: one row each, and the first pair of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, insert, select
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.identity import mailer, serializers
from heidi_common.identity.models import Session
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_common.runtime import current_settings
from heidi_services.auth import tokens
from heidi_services.auth.tokens import SessionPosition

_USER_AGENTS = select(Session.user_agent).where(Session.user_id == bindparam("user_id"))
_SAME_AGENT = Session.user_agent.is_not_distinct_from(bindparam("user_agent"))
_NEW_DEVICE = CompiledStatement(
    select((exists(_USER_AGENTS) & ~exists(_USER_AGENTS.where(_SAME_AGENT))).label("is_new")),
    prepared=True,
)
_TIMES = ("created_at", "rotated_at", "idle_expires_at", "absolute_expires_at")
_COLUMNS = ("id", "user_id", "counter", "siblings", "parent_distance", "ip", "user_agent", "label", *_TIMES)
_INSERT = CompiledStatement(
    insert(Session).values({name: bindparam(name) for name in _COLUMNS}).returning(Session.id),
    changes=True,
    prepared=True,
)


@dataclass(frozen=True)
class SessionDevice:
    """Where a request comes from; `label` is what the user calls the device."""

    ip: str
    user_agent: str | None = None
    label: str | None = None


def start_session(user: Any, device: SessionDevice) -> dict[str, Any]:
    """Start a session within the caller's transaction. The user is notified of a device not seen before.

    Returns:
        The attributes of `SignedInOut`: the user and their tokens.
    """
    now = utcnow()
    session = _new_session(user.id, device, now)
    if _is_new_device(user.id, device):
        _report_new_device(user, device, now)
    _INSERT.all(**session)
    record("authn_login_success", actor=user.id, target=session["id"])
    count(series.SIGN_INS, series.SUCCEEDED)
    expires_at = min(session["idle_expires_at"], session["absolute_expires_at"])
    position = SessionPosition(session["id"], session["counter"], expires_at)
    return {"user": serializers.serialize_user(user), **tokens.issue_pair(user, position, now)}


def _report_new_device(user: Any, device: SessionDevice, now: datetime) -> None:
    # The client chooses these texts. If it registered another person's address, that person must not receive them.
    name = (device.label or device.user_agent or "") if user.email_verified_at is not None else ""
    at = now.strftime("%Y-%m-%d %H:%M UTC")
    mailer.send("new-device", user, notification_type="WARNING", device=name, ip=device.ip, at=at)


def _new_session(user_id: UUID, device: SessionDevice, now: datetime) -> dict[str, Any]:
    settings = current_settings()
    return {
        "id": uuid7(),
        "user_id": user_id,
        "counter": 1,
        "siblings": 0,
        "parent_distance": 1,
        "rotated_at": now,
        "created_at": now,
        "idle_expires_at": now + timedelta(seconds=settings.session_idle_seconds),
        "absolute_expires_at": now + timedelta(seconds=settings.session_absolute_seconds),
        "ip": device.ip,
        "user_agent": device.user_agent,
        "label": device.label,
    }


def _is_new_device(user_id: UUID, device: SessionDevice) -> bool:
    """Whether the user has signed in before, but never with this user agent."""
    row = _NEW_DEVICE.all(user_id=user_id, user_agent=device.user_agent)[0]
    return bool(row.is_new)
