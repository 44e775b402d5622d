"""Who may read, change and delete which account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.problems import FieldError, Forbidden, Invalid, NotFound, Problem
from heidi_common.schemas.naming import camel

STAFF = (Role.ADMIN, Role.MODERATOR)
OWN_FIELDS = frozenset({"first_name", "last_name", "phone", "locale", "timezone", "avatar_file_id"})
"""The fields of their own account that users may change."""


def require_read_permission(caller: Caller, user_id: UUID) -> None:
    """Raise NotFound unless the caller reads their own account, is staff or is a machine client."""
    if caller.id != user_id and caller.role not in STAFF and caller.kind != "client":
        raise user_not_found()


def require_update_permission(caller: Caller, user_id: UUID, changes: dict[str, Any]) -> None:
    """Raise an error unless the caller is an administrator, or changes OWN_FIELDS of their own account.

    A machine client may change all fields, but not make an administrator.
    """
    if caller.kind == "client":
        require_role_permission(caller, changes.get("role"))
    if caller.is_admin or caller.kind == "client":
        return
    if caller.id != user_id:
        raise _denial(caller)
    forbidden = sorted(set(changes) - OWN_FIELDS)
    if forbidden:
        raise Invalid(FieldError(f"/{camel(name)}", "You may not change this field.") for name in forbidden)


def require_delete_permission(caller: Caller, user_id: UUID) -> None:
    """Raise an error unless the caller is an administrator or a machine client, or deletes their own account."""
    if caller.id != user_id and not caller.is_admin and caller.kind != "client":
        raise _denial(caller)


def require_role_permission(caller: Caller, role: Role | None) -> None:
    """Raise Forbidden if a machine client gives a user the role ADMIN, or changes or deletes a user who has it.

    Args:
        caller: The user or machine client that sent the request.
        role: The present or the new role of the user.
    """
    if caller.kind == "client" and role == Role.ADMIN:
        raise Forbidden("`users:write` does not cover administrators. Only an administrator may do this.")


def user_not_found() -> NotFound:
    return NotFound("User not found.")


def _denial(caller: Caller) -> Problem:
    """Only staff may learn from the error that another account exists."""
    return Forbidden("Only administrators may change other accounts.") if caller.role in STAFF else user_not_found()
