"""Inviting somebody for whom an account was made: a mail with a link by which they choose their password."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, select

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Session, User
from heidi_common.problems import NotFound
from heidi_services.auth import mailer, one_time_tokens
from heidi_services.auth.models import Purpose

LIFETIME = timedelta(days=7)
"""Who is invited has not asked for the mail and may read it after a weekend."""


def invite(user_id: UUID, actor: UUID) -> None:
    """Send the mail. Nothing is sent to who has signed in before: a token for days is for first times only."""
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id, User.is_active, User.deleted_at.is_(None)))
        if user is None:
            raise NotFound("There is no such active account.")
        if not db.session.scalar(select(exists().where(Session.user_id == user_id))):
            token = one_time_tokens.issue(Purpose.RESET_PASSWORD, user, LIFETIME, label=one_time_tokens.INVITATION)
            mailer.send("invitation", user, token=token, link=mailer.link("reset-password", token), days=LIFETIME.days)
            record("user_invited", actor=actor, target=user_id)
