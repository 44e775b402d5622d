"""Run an operation step by step. Each step is recorded when it is done; when one fails, the steps before it are undone
in reverse order.

A worker may be killed at any point. Then the row becomes due again: completed steps are skipped, and the interrupted
step is sent again, which has no second effect (each POST has its Idempotency-Key).

Core calls the services as its own machine client, so a step and its compensation do not depend on the requester's
session. Whether the requester may have the operation run is checked before each step, but not before a compensation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.messaging.jobs import claim
from heidi_common.operations.base import JSON, RetryLater, Step, StepContext, StepRejected
from heidi_common.operations.registry import OPERATIONS
from heidi_common.schemas.fields import iso
from heidi_services.core.credentials import resolve_authorization
from heidi_services.core.models import Operation, OperationStatus
from heidi_services.core.service import operation_progress
from heidi_services.core.service.operation_progress import REQUESTER_REJECTED, LeaseLost, Progress
from heidi_services.core.service.requester import RequesterRejected, require_authority

log = logging.getLogger(__name__)
LEASE_SECONDS = 120
MAX_ATTEMPTS = 8
"""Attempts after which a step counts as rejected."""
MAX_CLAIMS = 12
"""Claims after which a step counts as rejected although no attempt has returned: it may have killed its workers."""

Undo = Callable[[StepContext, JSON], object]


def run(operation_id: UUID) -> None:
    """Run an operation until it ends or has to wait. Does nothing if it has ended, is not due or is being run."""
    if not claim(Operation, operation_id, open_status=OperationStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return
    try:
        progress = operation_progress.load(operation_id)
    except DecryptionError:
        operation_progress.fail(operation_id, "the input cannot be decrypted: its encryption key is missing")
        return
    try:
        _advance(progress)
    except LeaseLost:
        log.warning("operation was taken over by another worker", extra={"operation_id": str(operation_id)})


def _advance(progress: Progress) -> None:
    try:
        if not progress.undoing:
            _run_steps(progress)
        if progress.undoing:
            _undo_steps(progress)
    except RetryLater as reason:
        operation_progress.reschedule(progress, str(reason))
    else:
        operation_progress.complete(progress)


def _run_steps(progress: Progress) -> None:
    for step in OPERATIONS[progress.type].steps:
        state = progress.steps[step.name]
        if state["status"] == "SUCCEEDED":
            continue
        state["startedAt"] = state.get("startedAt") or iso(utcnow())
        try:
            require_authority(progress.context.requested_by, progress.type)
            result = _attempt_step(progress, step.run)
        except StepRejected as rejection:
            _start_undoing(progress, step, rejection)
            return
        progress.context.results[step.name] = result
        operation_progress.record_step(progress, state, status="SUCCEEDED", result=result)


def _start_undoing(progress: Progress, step: Step, rejection: StepRejected) -> None:
    progress.undoing, progress.attempts = True, 0
    progress.error = f"{step.name}: {rejection}"
    code = {"code": REQUESTER_REJECTED} if isinstance(rejection, RequesterRejected) else {}
    operation_progress.record_step(progress, progress.steps[step.name], status="FAILED", error=str(rejection), **code)


def _undo_steps(progress: Progress) -> None:
    for step in reversed(OPERATIONS[progress.type].steps):
        state = progress.steps[step.name]
        if state["status"] != "SUCCEEDED" or step.undo is None or "compensation" in state:
            continue
        compensation = {"status": "SUCCEEDED"}
        try:
            _attempt_step(progress, partial(_undo_step, step.undo, step.name))
        except StepRejected as rejection:
            compensation = {"status": "FAILED", "error": str(rejection)}
        operation_progress.record_step(progress, state, compensation=compensation | {"finishedAt": iso(utcnow())})


def _undo_step(undo: Undo, name: str, context: StepContext) -> object:
    return undo(context, context.results[name])


def _attempt_step(progress: Progress, action: Callable[[StepContext], Any]) -> Any:
    """Run or undo one step.

    Returns:
        What `action` returns.

    Raises:
        RetryLater: The attempt failed, and another one is due later.
        StepRejected: The step failed permanently, or too often: then the steps before it have to be undone soon. An
            unexpected exception counts as a failed attempt, and so does a claim that killed its worker.
    """
    progress.context = replace(progress.context, authorization=resolve_authorization(progress.stored_authorization))
    if progress.attempts > MAX_CLAIMS:
        raise StepRejected(f"did not complete after {progress.attempts - 1} attempts")
    try:
        return action(progress.context)
    except StepRejected:
        raise
    except RetryLater as error:
        raise _retry_or_reject(progress, str(error)) from None
    except Exception as error:
        log.exception("operation step failed", extra={"operation_id": str(progress.id), "type": progress.type})
        raise _retry_or_reject(progress, f"internal error ({type(error).__name__})") from None


def _retry_or_reject(progress: Progress, reason: str) -> RetryLater | StepRejected:
    if progress.attempts < MAX_ATTEMPTS:
        return RetryLater(reason)
    return StepRejected(f"{reason}, after {progress.attempts} attempts")
