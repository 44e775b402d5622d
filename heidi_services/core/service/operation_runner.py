"""Carrying an operation out: step by step, each recorded as soon as it is done; undone backwards when one fails.

A worker may die at any instruction: the row is due again, done steps are skipped, the one that was under way is sent
again and has its effect once (each POST has its Idempotency-Key).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import CoreOperationCompleted
from heidi_common.messaging.jobs import backoff, claim, status_is
from heidi_common.messaging.outbox import emit
from heidi_common.schemas.fields import iso
from heidi_services.core.credentials import authority
from heidi_services.core.models import Operation, Status
from heidi_services.core.operations import KINDS, Later, Order, Refused

log = logging.getLogger(__name__)
LEASE_SECONDS = 120
MAX_ATTEMPTS, MOST_CLAIMS = 8, 12
JSON = dict[str, Any]


class TakenOver(Exception):
    """The lease ran out and somebody else is at it, or has ended it: what we know of it counts no more."""


@dataclass
class Progress:
    """A copy of the row, since no transaction is open while services are called. No two claims have one `lease`."""

    id: UUID
    lease: datetime | None
    type: str
    order: Order
    steps: dict[str, JSON]
    undoing: bool
    attempts: int
    error: str | None


def carry_out(operation_id: UUID) -> None:
    """As far as it goes now. Nothing happens when it has ended, is not due, or somebody else is at it."""
    if not claim(Operation, operation_id, open_status=Status.PENDING, lease_seconds=LEASE_SECONDS):
        return None
    try:
        progress = _load(operation_id)
    except DecryptionError:
        return _give_up(operation_id, "what was sealed for it cannot be opened")
    try:
        _go_on(progress)
    except TakenOver:
        log.warning("an operation was taken over", extra={"operation_id": str(operation_id)})
    return None


def _go_on(progress: Progress) -> None:
    try:
        if not progress.undoing:
            _forward(progress)
        if progress.undoing:
            _backward(progress)
    except Later as trouble:
        _postpone(progress, str(trouble))
    else:
        _finish(progress)


def _load(operation_id: UUID) -> Progress:
    with transaction():
        row = db.session.get_one(Operation, operation_id, populate_existing=True)
        row.started_at = row.started_at or utcnow()
        secret = field_encryptor().decrypt(row.sealed or "", context=row.id.bytes)
        steps = {step["name"]: dict(step) for step in row.steps}
        results = {name: step["result"] for name, step in steps.items() if "result" in step}
        order = Order(row.id, secret["input"], row.requested_by, secret["authorization"] or "", results)
        return Progress(row.id, row.locked_until, row.type, order, steps, row.undoing, row.attempts, row.error)


def _forward(progress: Progress) -> None:
    for step in KINDS[progress.type].steps:
        state = progress.steps[step.name]
        if state["status"] == "SUCCEEDED":
            continue
        state["startedAt"] = state.get("startedAt") or iso(utcnow())
        try:
            _with_authority(progress)
            result = _or_give_up(progress, lambda order, do=step.do: do(order))  # type: ignore[misc]
        except Refused as refusal:
            progress.undoing, progress.attempts = True, 0
            progress.error = f"{step.name}: {refusal}"
            _record(progress, state, status="FAILED", error=str(refusal))
            return
        progress.order.results[step.name] = result
        _record(progress, state, status="SUCCEEDED", result=result)


def _backward(progress: Progress) -> None:
    for step in reversed(KINDS[progress.type].steps):
        state = progress.steps[step.name]
        if state["status"] != "SUCCEEDED" or step.undo is None or "compensation" in state:
            continue
        compensation = {"status": "SUCCEEDED"}
        try:
            _with_authority(progress)
            _or_give_up(progress, lambda order, s=step: s.undo(order, order.results[s.name]))  # type: ignore[misc]
        except Refused as refusal:
            compensation = {"status": "FAILED", "error": str(refusal)}
        _record(progress, state, compensation=compensation | {"finishedAt": iso(utcnow())})


def _with_authority(progress: Progress) -> None:
    progress.order = authority(progress.order)


def _or_give_up(progress: Progress, deed: Callable[[Order], Any]) -> Any:
    """A step that was tried too often counts as refused: what can be undone should be undone in good time.

    So does one that breaks here, or that takes its worker with it and leaves nothing but the count.
    """
    if progress.attempts > MOST_CLAIMS:
        raise Refused(f"it did not end, {progress.attempts - 1} times")
    try:
        return deed(progress.order)
    except Refused:
        raise
    except Exception as error:
        if not isinstance(error, Later):
            log.exception("a step broke", extra={"operation_id": str(progress.id), "type": progress.type})
        trouble = str(error) if isinstance(error, Later) else f"internal error ({type(error).__name__})"
        if progress.attempts < MAX_ATTEMPTS:
            raise Later(trouble) from None
        raise Refused(f"{trouble}, {progress.attempts} times") from None


def _record(progress: Progress, state: JSON, **changes: Any) -> None:
    if "status" in changes:
        changes["finishedAt"] = iso(utcnow())
    state |= changes
    _save(progress, attempts=max(progress.attempts, 1), undoing=progress.undoing, error=progress.error)


def _postpone(progress: Progress, reason: str) -> None:
    later = utcnow() + backoff(progress.attempts, base=1, cap=60)
    _save(progress, error=reason, next_attempt_at=later, hinted_until=later, locked_until=None)


def _finish(progress: Progress) -> None:
    """Ended: what was sealed for it is erased, and the outcome is said."""
    undone = [step["compensation"]["status"] for step in progress.steps.values() if "compensation" in step]
    complete = bool(undone) and set(undone) == {"SUCCEEDED"}
    status = Status.COMPENSATED if complete else Status.FAILED if progress.undoing else Status.SUCCEEDED
    error = progress.error if progress.undoing else None
    with transaction():
        _save(progress, status=status, error=error, sealed=None, finished_at=utcnow(), locked_until=None)
        emit(CoreOperationCompleted(id=progress.id, operation=progress.type, status=status))


def _give_up(operation_id: UUID, error: str) -> None:
    """Nobody can carry it out any more."""
    with transaction():
        row = db.session.get_one(Operation, operation_id, populate_existing=True)
        row.status, row.error, row.finished_at = Status.FAILED, error, utcnow()
        row.sealed = row.locked_until = None
        emit(CoreOperationCompleted(id=row.id, operation=row.type, status=Status.FAILED))


def _save(progress: Progress, **values: Any) -> None:
    """Raises TakenOver, and nothing is written, when the row is not ours any more."""
    ours = (Operation.id == progress.id) & status_is(Operation.status, Status.PENDING)
    statement = update(Operation).where(ours, Operation.locked_until == progress.lease).returning(Operation.id)
    values |= {"steps": list(progress.steps.values()), "updated_at": utcnow(), "version": Operation.version + 1}
    with transaction():
        found = db.session.execute(statement.values(**values).execution_options(synchronize_session=False))
        if found.first() is None:
            raise TakenOver
