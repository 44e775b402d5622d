"""The platform always has an administrator who can sign in."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import Role, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict

ACTIVE = (User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None))


def exists_one() -> bool:
    return bool(db.session.scalar(select(exists().where(*ACTIVE))))


def appoint(email: str, password: str) -> tuple[User, bool]:
    """(administrator, whether newly created): an existing account keeps its password and gets the role."""
    address = require_valid_email(email)
    with transaction():
        held = select(User).where(User.email == address, User.deleted_at.is_(None)).with_for_update()
        user = db.session.scalar(held)
        created = user is None
        if user is None:
            require_acceptable_password(password, personal_data=(address,))
            hashed = password_hasher().hash(password)
            user = accounts.create_user(
                email=address, password_hash=hashed, role=Role.ADMIN, email_verified_at=utcnow()
            )
            record("user_created", target=user.id, detail={"role": "ADMIN"})
        elif user.role != Role.ADMIN or not user.is_active:
            user.role, user.is_active = Role.ADMIN, True
            db.session.flush()
            accounts.revoke_access_tokens(user.id)
            emit(UserUpdated(id=user.id, role=user.role, is_active=True, changed=("isActive", "role")))
            record("user_updated", target=user.id, detail={"changed": ["isActive", "role"]})
    return user, created


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
