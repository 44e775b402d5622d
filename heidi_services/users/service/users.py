"""Create, update, delete and restore a user."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from heidi_common.audit import addresses
from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.identity import accounts, mailer
from heidi_common.identity.address_proof import is_owner_proved, require_verified_email
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import Role, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.jwt.guards import Caller
from heidi_common.jwt.reauthentication import require_recent_sign_in
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict, Invalid
from heidi_common.schemas.naming import camel
from heidi_services.users.service.admins import require_another_admin
from heidi_services.users.service.avatars import require_own_image
from heidi_services.users.service.permissions import (
    require_delete_permission,
    require_role_permission,
    require_update_permission,
    user_not_found,
)


def create_as(caller: Caller, body: dict[str, Any]) -> User:
    """Check that the caller may create a user of this role, then `create`."""
    require_role_permission(caller, body["role"])
    return create(body, caller.id)


def create(body: dict[str, Any], actor: UUID | None = None) -> User:
    """Create a user. The e-mail address counts as verified, because an administrator vouches for it."""
    email, names = require_valid_email(body["email"]), (body.get("first_name"), body.get("last_name"))
    require_acceptable_password(body["password"], personal_data=(email, *names))
    hashed = password_hasher().hash(body["password"])
    profile = {key: value for key, value in body.items() if key not in ("email", "password")}
    with transaction():
        user = accounts.create_user(email=email, password_hash=hashed, email_verified_at=utcnow(), **profile)
        record("user_created", actor=actor, target=user.id, detail={"role": str(user.role)})
    return user


def update(caller: Caller, user_id: UUID, changes: dict[str, Any], version: int | None) -> User:
    """Check that the caller may make these changes, then `apply_update`."""
    require_update_permission(caller, user_id, changes)
    if caller.id == user_id:
        _require_own_permission(changes, user_id)
    if changes.get("avatar_file_id"):
        require_own_image(changes["avatar_file_id"], user_id)
    with transaction():
        if caller.kind == "client":
            require_role_permission(caller, lock_user(user_id).role)
        return apply_update(user_id, changes, caller.id, version)


def _require_own_permission(changes: dict[str, Any], user_id: UUID) -> None:
    if changes.get("phone"):
        require_verified_email(user_id)
    if "email" in changes:
        raise Invalid.field("email", "Change your own address by `POST /auth/email/change`, which confirms it.")


def apply_update(user_id: UUID, changes: dict[str, Any], actor: UUID | None, version: int | None = None) -> User:
    """Change a user without checking permissions.

    A new role revokes the user's access tokens; a deactivation or a new address also ends all sessions. A new address
    is not verified; the user is notified at both addresses.

    Args:
        user_id: The user to change.
        changes: Attribute -> new value. Attributes that already have the new value are ignored.
        actor: Recorded in the audit trail; None for a command on the command line.
        version: The version that the caller expects; None for any.

    Raises:
        NotFound: The user does not exist or is deleted.
        PreconditionFailed: The user has another version.
        Conflict: `email_taken` or `last_admin`.
    """
    if "email" in changes:
        changes = changes | {"email": require_valid_email(changes["email"])}
    with transaction():
        user = lock_user(user_id)
        expect_version(user, version)
        before = {name: getattr(user, name) for name, value in changes.items() if getattr(user, name) != value}
        if before:
            _assign(user, {name: changes[name] for name in before})
            _record_update(user, before, actor)
    return user


def delete(caller: Caller, user_id: UUID, version: int | None) -> None:
    """Soft-delete a user: the row stays, all sessions end, and the e-mail address becomes available again.

    Users who delete themselves must have signed in recently: Forbidden, `recent_sign_in_required`.
    """
    require_delete_permission(caller, user_id)
    if caller.id == user_id:
        require_recent_sign_in(caller)
    with transaction():
        user = lock_user(user_id)
        require_role_permission(caller, user.role)
        expect_version(user, version)
        require_another_admin(user)
        accounts.soft_delete(user)
        record("user_deleted", actor=caller.id, target=user.id)


def restore(user_id: UUID, actor: UUID | None) -> User:
    """Restore a deleted user.

    Raises:
        NotFound: There has never been a user with this ID.
        Conflict: `email_taken` by another account in the meantime, or the user is `erased`.
    """
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id).with_for_update())
        if user is None:
            raise user_not_found()
        if user.erased_at is not None:
            raise Conflict("An erased account cannot be restored.", code="erased")
        if user.deleted_at is not None:
            user.deleted_at = None
            _flush_email(None)
            emit(UserUpdated(id=user.id, role=user.role, is_active=user.is_active, changed=("deletedAt",)))
            record("user_restored", actor=actor, target=user.id)
    return user


def lock_user(user_id: UUID) -> User:
    """Read a user and lock the row until the transaction ends. Raises NotFound if the user is deleted."""
    statement = select(User).where(User.id == user_id, User.deleted_at.is_(None)).with_for_update()
    user = db.session.scalar(statement.execution_options(populate_existing=True))
    if user is None:
        raise user_not_found()
    return user


def sign_out(user: User, reason: str) -> None:
    """End every session and revoke every access token of a user, on all services."""
    db.session.flush()
    accounts.end_sessions(user.id, reason)
    accounts.revoke_access_tokens(user.id)


def _assign(user: User, values: dict[str, Any]) -> None:
    if values.get("role", Role.ADMIN) != Role.ADMIN or values.get("is_active") is False:
        require_another_admin(user)
    if "email" in values:
        _replace_email(user, values["email"])
    for name, value in values.items():
        setattr(user, name, value)
    db.session.flush()
    if not user.is_active:
        sign_out(user, "deactivated")
    elif "role" in values:
        accounts.revoke_access_tokens(user.id)


def _replace_email(user: User, email: str) -> None:
    """Set an address that someone other than the user has entered. Auth sends it the link to verify it."""
    addresses = (user.email, email)
    user.owner_proved, user.email_verified_at = is_owner_proved(user), None
    user.email, user.has_former_email = email, False
    _flush_email("email")
    sign_out(user, "email_changed")
    for address in addresses:
        mailer.send("email-changed-by-admin", user, address=address, notification_type="WARNING")


def _record_update(user: User, before: dict[str, Any], actor: UUID | None) -> None:
    names = tuple(sorted(camel(name) for name in before))
    emit(UserUpdated(id=user.id, role=user.role, is_active=user.is_active, changed=names))
    detail: dict[str, Any] = {"changed": list(names), **accounts.audited_changes(user, before)}
    if "email" in before:
        old, new = before["email"], user.email
        detail["email"] = {"old": addresses.remember(old, user.id), "new": addresses.remember(new, user.id)}
    record("user_updated", actor=actor, target=user.id, detail=detail)


def _flush_email(field: str | None) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        raise accounts.email_taken(field) from None
