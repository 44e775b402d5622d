"""Administrators: create or promote one, and make sure that at least one active administrator remains."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.email_lookup import by_email
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import Role, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict

ACTIVE_ADMIN = (User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None))


def has_active_admin() -> bool:
    """Return whether any administrator can sign in."""
    return bool(db.session.scalar(select(exists().where(*ACTIVE_ADMIN))))


def create_or_promote(email: str, password: str) -> tuple[User, bool]:
    """Create an administrator, or promote (and activate) an existing user, whose password stays unchanged.

    Returns:
        The administrator, and whether the account is new.
    """
    address = require_valid_email(email)
    with transaction():
        locked = by_email(select(User).where(User.deleted_at.is_(None)), email).with_for_update()
        user = db.session.scalar(locked)
        if user is None:
            return _create(address, password), True
        if user.role != Role.ADMIN or not user.is_active:
            _promote(user)
    return user, False


def require_another_admin(user: User) -> None:
    """Check, before an administrator is deleted, demoted, deactivated or erased, that another active one remains.

    An advisory lock serializes these checks: a concurrent one waits until this transaction has ended.

    Raises:
        Conflict: `last_admin`, if this is the last active administrator.
    """
    if user.role != Role.ADMIN or not user.can_sign_in:
        return
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext("heidi admins"))))
    others = exists().where(User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None), User.id != user.id)
    if not db.session.scalar(select(others)):
        raise Conflict("At least one active administrator must remain.", code="last_admin")


def _create(address: str, password: str) -> User:
    require_acceptable_password(password, personal_data=(address,))
    hashed = password_hasher().hash(password)
    user = accounts.create_user(email=address, password_hash=hashed, role=Role.ADMIN, email_verified_at=utcnow())
    record("user_created", target=user.id, detail={"role": "ADMIN"})
    return user


def _promote(user: User) -> None:
    user.role, user.is_active = Role.ADMIN, True
    db.session.flush()
    accounts.revoke_access_tokens(user.id)
    emit(UserUpdated(id=user.id, role=user.role, is_active=True, changed=("isActive", "role")))
    record("user_updated", target=user.id, detail={"changed": ["isActive", "role"]})
