"""Who may read, change and delete which account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.problems import FieldError, Forbidden, Invalid, NotFound, Problem
from heidi_common.schemas.naming import camel

STAFF = (Role.ADMIN, Role.MODERATOR)
OWN_FIELDS = frozenset({"first_name", "last_name", "phone", "locale", "timezone"})
"""The fields of their own account that users may change."""


def require_read_permission(caller: Caller, user_id: UUID) -> None:
    """Raise NotFound unless the caller reads their own account or is staff."""
    if caller.id != user_id and caller.role not in STAFF:
        raise user_not_found()


def require_update_permission(caller: Caller, user_id: UUID, changes: dict[str, Any]) -> None:
    """Raise an error unless the caller is an administrator, or changes OWN_FIELDS of their own account."""
    if caller.is_admin:
        return
    if caller.id != user_id:
        raise _denial(caller)
    forbidden = sorted(set(changes) - OWN_FIELDS)
    if forbidden:
        raise Invalid(FieldError(f"/{camel(name)}", "You may not change this field.") for name in forbidden)


def require_delete_permission(caller: Caller, user_id: UUID) -> None:
    """Raise an error unless the caller is an administrator or deletes their own account."""
    if caller.id != user_id and not caller.is_admin:
        raise _denial(caller)


def user_not_found() -> NotFound:
    return NotFound("User not found.")


def _denial(caller: Caller) -> Problem:
    """Only staff may learn from the error that another account exists."""
    return Forbidden("Only administrators may change other accounts.") if caller.role in STAFF else user_not_found()
