"""The progress of a claimed operation, and how it is stored: under the lease of this claim only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import CoreOperationCompleted
from heidi_common.messaging.jobs import backoff, status_is
from heidi_common.messaging.outbox import emit
from heidi_common.operations.base import StepContext
from heidi_common.schemas.fields import iso
from heidi_services.core.models import Operation, OperationStatus

JSON = dict[str, Any]
REQUESTER_REJECTED = "requester_rejected"
"""The `code` of a step that was not done because its requester may not have it done any more."""


class LeaseLost(Exception):
    """The lease expired, and another worker has claimed or completed the operation. This worker must not write."""


@dataclass
class Progress:
    """A copy of the row, since no transaction is open while services are called. Each claim has its own `lease`."""

    id: UUID
    lease: datetime | None
    type: str
    context: StepContext
    steps: dict[str, JSON]
    undoing: bool
    attempts: int
    error: str | None
    stored_authorization: str | None
    """Of operations that version 1.0 stored: the requester's Authorization header."""


def load(operation_id: UUID) -> Progress:
    """Load a claimed operation and mark it as started.

    Raises:
        DecryptionError: The input cannot be decrypted.
    """
    with transaction():
        row = db.session.get_one(Operation, operation_id, populate_existing=True)
        row.started_at = row.started_at or utcnow()
        secret = field_encryptor().decrypt(row.sealed or "", context=row.id.bytes)
        steps = {step["name"]: dict(step) for step in row.steps}
        results = {name: step["result"] for name, step in steps.items() if "result" in step}
        context = StepContext(row.id, secret["input"], row.requested_by, results)
        lease, stored = row.locked_until, secret.get("authorization")
        return Progress(row.id, lease, row.type, context, steps, row.undoing, row.attempts, row.error, stored)


def record_step(progress: Progress, state: JSON, **changes: Any) -> None:
    """Store what has changed in the state of one step.

    Raises:
        LeaseLost: Another worker has taken over; nothing was written.
    """
    if "status" in changes:
        changes["finishedAt"] = iso(utcnow())
    state |= changes
    _save(progress, attempts=max(progress.attempts, 1), undoing=progress.undoing, error=progress.error)


def reschedule(progress: Progress, reason: str) -> None:
    """Release the operation until its next attempt, after 1 to 60 seconds depending on the number of attempts."""
    next_attempt_at = utcnow() + backoff(progress.attempts, base=1, cap=60)
    _save(progress, error=reason, next_attempt_at=next_attempt_at, hinted_until=next_attempt_at, locked_until=None)


def complete(progress: Progress) -> None:
    """Store the final status, delete the encrypted input and emit `core.operation.completed`."""
    status = _final_status(progress)
    error = progress.error if progress.undoing else None
    with transaction():
        _save(progress, status=status, error=error, sealed=None, finished_at=utcnow(), locked_until=None)
        emit(CoreOperationCompleted(id=progress.id, operation=progress.type, status=status))


def _final_status(progress: Progress) -> OperationStatus:
    if any(step.get("code") == REQUESTER_REJECTED for step in progress.steps.values()):
        return OperationStatus.FAILED
    undone = {step["compensation"]["status"] for step in progress.steps.values() if "compensation" in step}
    if undone == {"SUCCEEDED"}:
        return OperationStatus.COMPENSATED
    return OperationStatus.FAILED if progress.undoing else OperationStatus.SUCCEEDED


def fail(operation_id: UUID, error: str) -> None:
    """End a claimed operation that cannot be loaded."""
    with transaction():
        row = db.session.get_one(Operation, operation_id, populate_existing=True)
        row.status, row.error, row.finished_at = OperationStatus.FAILED, error, utcnow()
        row.sealed = row.locked_until = None
        emit(CoreOperationCompleted(id=row.id, operation=row.type, status=OperationStatus.FAILED))


def _save(progress: Progress, **values: Any) -> None:
    """Write to the row if this claim still holds its lease; else raise LeaseLost."""
    is_pending = (Operation.id == progress.id) & status_is(Operation.status, OperationStatus.PENDING)
    statement = update(Operation).where(is_pending, Operation.locked_until == progress.lease).returning(Operation.id)
    values |= {"steps": list(progress.steps.values()), "updated_at": utcnow(), "version": Operation.version + 1}
    with transaction():
        saved = db.session.execute(statement.values(**values).execution_options(synchronize_session=False))
        if saved.first() is None:
            raise LeaseLost
