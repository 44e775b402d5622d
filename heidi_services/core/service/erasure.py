"""Erase what core stores about a user who was erased (`users/service/erasure.py`)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.models import Operation, OperationStatus


def concerns(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user has requested an operation, or that it is about the user."""
    result = [{"result": {"userId": str(user_id)}}]
    return or_(
        Operation.requested_by == user_id,
        Operation.input["userId"].astext == str(user_id),
        Operation.steps.contains(result),
    )


def erase_user_data(event: OutboxEvent) -> None:
    """Handle `user.deleted`: if the user was erased, delete the error texts of operations, which may contain addresses.

    The input that is stored in plain holds no personal data but IDs, and the complete one is deleted when an operation
    ends. Operations in progress are left to end.
    """
    if "erasedAt" not in (event.data.get("changed") or ()):
        return
    ended = Operation.status != OperationStatus.PENDING
    with transaction():
        for operation in db.session.scalars(select(Operation).where(concerns(UUID(event.subject)), ended)):
            operation.error = None
            operation.steps = [_without_errors(step) for step in operation.steps]


def _without_errors(value: dict[str, object]) -> dict[str, object]:
    kept = {name: item for name, item in value.items() if name != "error"}
    return {name: _without_errors(item) if isinstance(item, dict) else item for name, item in kept.items()}
