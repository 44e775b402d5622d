"""Requested operations: create, read and list them, and find those that are due."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.totals import TotalRequest
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import CoreOperation
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.jobs import collect_overdue as overdue_rows
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.operations.registry import OPERATIONS
from heidi_common.problems import Invalid, NotFound
from heidi_services.core.models import Operation, OperationStatus
from heidi_services.core.service.validation import validate_input

JSON = dict[str, Any]


def create(type: str, payload: JSON, *, requested_by: UUID) -> Operation:
    """Store a requested operation and emit `core.operation`, which wakes a worker.

    Args:
        type: Key of OPERATIONS.
        payload: Input of the operation in wire form.
        requested_by: The user who requests it, and on whose behalf core acts.

    Raises:
        Invalid: The input does not match the schema of the type.
    """
    validated = validate_input(type, payload)
    with transaction():
        operation = _insert(uuid7(), type, validated, requested_by)
        emit(CoreOperation(id=operation.id, operation=type, requested_by=requested_by))
    return operation


def accept(event: OutboxEvent) -> None:
    """Store an operation that was requested by an event `core.operation` with an encrypted input, as schedules do.

    Joins the caller's transaction. Does nothing if the operation exists already.

    Raises:
        PermanentFailure: The type or the input is invalid.
    """
    operation_id = UUID(event.subject)
    if db.session.get(Operation, operation_id) is not None:
        return
    type, payload = event.data["operation"], event.decrypt_secret_data().get("input", {})
    try:
        validated = validate_input(type, payload)
    except (KeyError, Invalid) as error:
        raise PermanentFailure(f"invalid operation: {error}") from None
    requested_by = event.data.get("requestedBy")
    _insert(operation_id, type, validated, UUID(requested_by) if requested_by else None)


def get(operation_id: UUID) -> Operation:
    operation = db.session.get(Operation, operation_id)
    if operation is None:
        raise NotFound("Operation not found.")
    return operation


def find(*, limit: int, cursor: str | None, total: TotalRequest, **filters: str) -> Page:
    """List operations, newest first, filtered by `type` and `status`."""
    conditions = [getattr(Operation, name) == value for name, value in filters.items()]
    paging = {"limit": limit, "cursor": cursor, "total": total}
    return newest_first(select(Operation), Operation, paging, filters=conditions)


def overdue(limit: int) -> list[UUID]:
    """Return operations that are due and have no wake-up message in flight; mark them as having one."""
    return overdue_rows(Operation, open_status=OperationStatus.PENDING, limit=limit)


def _insert(operation_id: UUID, type: str, validated: JSON, requested_by: UUID | None) -> Operation:
    operation = Operation(
        id=operation_id,
        type=type,
        input=OPERATIONS[type].redact(validated),
        sealed=field_encryptor().encrypt({"input": validated}, context=operation_id.bytes),
        steps=[{"name": step.name, "status": "PENDING"} for step in OPERATIONS[type].steps],
        requested_by=requested_by,
    )
    db.session.add(operation)
    db.session.flush()
    return operation
