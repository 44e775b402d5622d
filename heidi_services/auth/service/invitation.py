"""Invitations: an e-mail with a link by which the user of a new account chooses their password."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, select

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import mailer
from heidi_common.identity.models import Session, User
from heidi_common.problems import NotFound
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import Purpose

LIFETIME = timedelta(days=7)
"""Long, because invited users do not expect the e-mail and may read it days later."""


def invite_user(user_id: UUID, actor: UUID) -> None:
    """Send the e-mail. Nothing is sent to a user who has signed in before: the token is valid for too long for that.

    Raises:
        NotFound: No active account has this ID.
    """
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id, User.is_active, User.deleted_at.is_(None)))
        if user is None:
            raise NotFound("No active account has this ID.")
        if db.session.scalar(select(exists().where(Session.user_id == user_id))):
            return
        token = one_time_tokens.issue(Purpose.RESET_PASSWORD, user, LIFETIME, label=one_time_tokens.INVITATION)
        link = mailer.page_link("reset-password", token)
        mailer.send("invitation", user, token=token, link=link, days=LIFETIME.days)
        record("user_invited", actor=actor, target=user_id)
