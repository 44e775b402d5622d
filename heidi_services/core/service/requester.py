"""Whether the requester of an operation may still have it run. Core's own rights do not depend on the requester, so
this is asked before each step.

A user must be an active administrator, as when they requested the operation. A machine client, whose schedule has
requested it, must have the scopes that the operation needs.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from heidi_common.database.compiled import CompiledStatement
from heidi_common.identity.models import MachineClient, Role, User
from heidi_common.operations.base import StepRejected
from heidi_common.operations.registry import OPERATIONS

_USER = CompiledStatement(
    select(User.role, User.is_active, User.deleted_at).where(User.id == bindparam("requester_id"))
)
_CLIENT = CompiledStatement(
    select(MachineClient.scopes).where(
        MachineClient.id == bindparam("requester_id"), MachineClient.revoked_at.is_(None)
    )
)


class RequesterRejected(StepRejected):
    """The requester may not have the operation run any more: its remaining steps are not done."""


def require_authority(requested_by: UUID | None, operation: str) -> None:
    """Check the requester of an operation.

    Args:
        requested_by: None for operations that a schedule of a version before 1.1 has requested: no permission is
            checked.
        operation: The type of the operation.

    Raises:
        RequesterRejected: The requester has been deactivated, deleted, revoked or demoted, or lacks a scope.
    """
    if requested_by is None:
        return
    user = _USER.first(requester_id=requested_by)
    if user is None:
        _require_client(requested_by, OPERATIONS[operation].scopes)
    else:
        _require_active_administrator(user)


def require_administrator(requested_by: UUID | None) -> None:
    """Check that a requester is still an administrator.

    Args:
        requested_by: None for a command in a terminal: no permission is checked.

    Raises:
        RequesterRejected: The requester has been deactivated, deleted or demoted.
    """
    if requested_by is not None:
        _require_active_administrator(_USER.first(requester_id=requested_by))


def _require_active_administrator(user: Any) -> None:
    if user is None or user.role != Role.ADMIN or not user.is_active or user.deleted_at is not None:
        raise RequesterRejected("the requester is not an active administrator any more")


def _require_client(client_id: UUID, required: frozenset[str]) -> None:
    client = _CLIENT.first(requester_id=client_id)
    if client is None:
        raise RequesterRejected("the requester does not exist or is revoked")
    missing = required - set(client.scopes)
    if missing:
        raise RequesterRejected(f"the requesting machine client lacks {', '.join(sorted(missing))}")
