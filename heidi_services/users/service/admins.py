"""The platform always has an administrator who can sign in."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from heidi_common.db import db
from heidi_common.identity import Role, User
from heidi_common.problems import Conflict


def keep_one(user: User) -> None:
    """Call before an administrator is removed, demoted or deactivated; Conflict when no other is left.

    Two requests at once wait for each other here, until the first one has committed.
    """
    if user.role != Role.ADMIN or not user.can_sign_in:
        return
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext("heidi admins"))))
    others = exists().where(User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None), User.id != user.id)
    if not db.session.scalar(select(others)):
        raise Conflict("The last active administrator cannot go.", code="last_admin")
