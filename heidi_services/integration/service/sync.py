"""Synchronise an integration: pull missed events if the provider lists its events, else check the connection.

An owner or a schedule requests a synchronization with the event `integration.sync`. The event becomes a row, and the
row is the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import jobs
from heidi_common.messaging.events import IntegrationSync
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.problems import Conflict
from heidi_services.integration.enums import SyncStatus
from heidi_services.integration.models import Integration, Sync
from heidi_services.integration.service.connection_check import check_connection
from heidi_services.integration.service.receiving.event_pull import SyncFailed, plan_pull, pull_events

MAX_ATTEMPTS, MAX_CLAIMS = 5, 8
"""Failed attempts end at the first limit. Only attempts during which the worker process ends reach the second."""
LEASE_SECONDS = 300


@dataclass(frozen=True)
class _ClaimedSync:
    sync_id: UUID
    integration_id: UUID
    integration_is_open: bool
    attempt: int
    now: datetime


def request_sync(integration: Integration) -> None:
    """Emit the event that requests a synchronization. Raises Conflict if the integration is switched off."""
    if not integration.is_open:
        raise Conflict("The integration is switched off. Activate it first.", code="integration_inactive")
    with transaction():
        emit(IntegrationSync(id=integration.id, about_user=integration.user_id))


def create_sync(event: OutboxEvent) -> UUID | None:
    """Create the row for a requested synchronization, in the caller's transaction.

    Returns:
        The ID of the row; None if the event already has one.

    Raises:
        PermanentFailure: The integration does not exist or is switched off.
    """
    integration_id = UUID(event.data["id"])
    integration = db.session.get(Integration, integration_id, with_for_update={"read": True, "key_share": True})
    if integration is None:
        raise PermanentFailure("integration not found")
    if not integration.is_open:
        raise PermanentFailure("the integration is switched off")
    row = {
        "id": uuid7(),
        "integration_id": integration_id,
        "event_id": event.id,
        "hinted_until": utcnow() + jobs.HINT_LEASE,
    }
    statement = insert(Sync).values(row).on_conflict_do_nothing(index_elements=["event_id"]).returning(Sync.id)
    with transaction():
        return db.session.scalar(statement)


def run_sync(sync_id: UUID, now: datetime | None = None) -> None:
    """Run a synchronization that is due. A failed attempt is retried later, up to five attempts."""
    claimed = _claim_sync(sync_id, now or utcnow())
    if claimed is None:
        return
    if not claimed.integration_is_open:
        _record_result(claimed, "the integration is switched off", final=True)
    elif claimed.attempt > MAX_CLAIMS:
        _record_result(claimed, "the worker process ended during every attempt", final=True)
    else:
        _record_result(claimed, _run_attempt(claimed))


def _claim_sync(sync_id: UUID, now: datetime) -> _ClaimedSync | None:
    if not jobs.claim(Sync, sync_id, open_status=SyncStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return None
    with transaction():
        sync = db.session.get_one(Sync, sync_id, populate_existing=True)
        integration = db.session.get_one(Integration, sync.integration_id, populate_existing=True)
        return _ClaimedSync(sync_id, integration.id, integration.is_open, sync.attempts, now)


def _run_attempt(claimed: _ClaimedSync) -> str | None:
    """Synchronise; returns the error, or None."""
    try:
        _synchronize(claimed.integration_id, claimed.now)
    except SyncFailed as failure:
        return str(failure)
    return None


def _synchronize(integration_id: UUID, now: datetime) -> None:
    integration = db.session.get_one(Integration, integration_id)
    pull = plan_pull(integration, now)
    if pull is not None:
        # Reading has opened a transaction, and none may be open during the requests.
        db.session.rollback()
        pull_events(pull, now)
        return
    result = check_connection(integration, "sync", now)
    if not result.ok:
        raise SyncFailed(result.detail)


def _record_result(claimed: _ClaimedSync, error: str | None, *, final: bool = False) -> None:
    """Record the result of an attempt, unless the lease has expired and another worker has claimed the row."""
    with transaction():
        sync = db.session.get(Sync, claimed.sync_id, with_for_update=True, populate_existing=True)
        if sync is None or sync.status != SyncStatus.PENDING or sync.attempts != claimed.attempt:
            return
        sync.locked_until, sync.last_error = None, error
        if error is not None and not final and sync.attempts < MAX_ATTEMPTS:
            sync.next_attempt_at = sync.hinted_until = claimed.now + jobs.backoff(sync.attempts, base=30, cap=3600)
            return
        sync.status = SyncStatus.DONE if error is None else SyncStatus.FAILED
        sync.finished_at = claimed.now
        if error is None:
            _set_last_sync_at(claimed.integration_id, claimed.now)


def _set_last_sync_at(integration_id: UUID, now: datetime) -> None:
    """Increments the version in SQL: the ETag changes, and an owner who edits concurrently gets no conflict."""
    values = {"last_sync_at": now, "version": Integration.version + 1}
    statement = update(Integration).where(Integration.id == integration_id).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))


def overdue(limit: int = 500) -> list[UUID]:
    """Due synchronizations without a wake-up message on its way. They are marked as hinted."""
    return jobs.collect_overdue(Sync, open_status=SyncStatus.PENDING, limit=limit)
