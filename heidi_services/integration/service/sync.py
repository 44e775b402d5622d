"""Synchronise: fetch what a receiver missed where the provider keeps a list (Stripe), else make sure it is there.

`integration.sync` comes from a person's click or a schedule. It becomes a row of our own, and the row is the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.messaging.events import IntegrationSync
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.jobs import HINT_LEASE, backoff, claim
from heidi_common.messaging.jobs import collect_overdue as overdue_rows
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.problems import Conflict
from heidi_services.integration.models import Integration, Sync, SyncStatus
from heidi_services.integration.providers import PROVIDERS, Provider, Received
from heidi_services.integration.service import connection_check, credential_store, webhook_receiver

MAX_ATTEMPTS, MOST_CLAIMS = 5, 8
"""A try that fails is counted to the first; above the second only what takes its worker with it ever comes."""
LEASE_SECONDS = 300
LONGEST_LOOK_BACK = timedelta(days=30)
OVERLAP = timedelta(minutes=5)
KEPT = timedelta(days=30)
PAGES_AT_MOST = 15
PAGE_BYTES = 4 * 1024 * 1024


class SyncFailed(Exception):
    """The provider did not answer as it should; the text is for the owner."""


@dataclass(frozen=True)
class _Turn:
    """One claim of one row."""

    sync_id: UUID
    integration_id: UUID
    attempt: int
    now: datetime


@dataclass(frozen=True)
class _Plan:
    """Copied from the rows, so that no transaction is open during the calls."""

    integration_id: UUID
    provider: Provider
    credentials: dict[str, str]
    since: datetime


def ask(integration: Integration) -> None:
    """Say that a synchronisation is wanted."""
    if not integration.is_open:
        raise Conflict("The integration is switched off.", code="integration_inactive")
    with transaction():
        emit(IntegrationSync(id=integration.id, about_user=integration.user_id))


def accept(event: OutboxEvent) -> UUID | None:
    """A row for the fact, in the caller's transaction; None when it has one. Refused when the integration is gone."""
    integration_id = UUID(event.data["id"])
    integration = db.session.get(Integration, integration_id, with_for_update={"read": True, "key_share": True})
    if integration is None:
        raise PermanentFailure("there is no such integration")
    if not integration.is_open:
        raise PermanentFailure("the integration is switched off")
    row = {
        "id": uuid7(),
        "integration_id": integration_id,
        "event_id": event.id,
        "hinted_until": utcnow() + HINT_LEASE,
    }
    statement = insert(Sync).values(row).on_conflict_do_nothing(index_elements=["event_id"]).returning(Sync.id)
    with transaction():
        return db.session.scalar(statement)


def run(sync_id: UUID, now: datetime | None = None) -> None:
    """Carry out one synchronisation; it is tried again later when the provider does not answer."""
    now = now or utcnow()
    if not claim(Sync, sync_id, open_status=SyncStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return None
    with transaction():
        sync = db.session.get_one(Sync, sync_id, populate_existing=True)
        integration = db.session.get_one(Integration, sync.integration_id, populate_existing=True)
        turn = _Turn(sync_id, integration.id, sync.attempts, now)
        is_open = integration.is_open
    if not is_open:
        return _end(turn, "the integration is switched off", final=True)
    if turn.attempt > MOST_CLAIMS:
        return _end(turn, "its worker ended in the middle of every try", final=True)
    try:
        _carry_out(turn.integration_id, now)
    except SyncFailed as failure:
        return _end(turn, str(failure))
    return _end(turn, None)


def _carry_out(integration_id: UUID, now: datetime) -> None:
    integration = db.session.get_one(Integration, integration_id)
    plan = _planned(integration, now)
    if plan is not None:
        db.session.rollback()
        return _pull(plan, now)
    checked = connection_check.check(integration, "sync", now)
    if not checked.ok:
        raise SyncFailed(checked.detail)
    return None


def _planned(integration: Integration, now: datetime) -> _Plan | None:
    """None when the provider keeps no list of events, or we have no key for it."""
    provider = PROVIDERS[integration.provider]
    try:
        credentials = credential_store.credentials_of(integration)
    except DecryptionError:
        raise SyncFailed("the stored credentials cannot be opened") from None
    if provider.pull is None or provider.probe(credentials) is None:
        return None
    # A little overlap costs nothing, since each event is stored once.
    since = (integration.last_sync_at or integration.created_at) - OVERLAP
    return _Plan(integration.id, provider, credentials, max(since, now - LONGEST_LOOK_BACK))


def _pull(plan: _Plan, now: datetime) -> None:
    cursor: str | None = None
    for _ in range(PAGES_AT_MOST):
        events, cursor = _page(plan, cursor, now)
        with transaction():
            integration = db.session.get(Integration, plan.integration_id)
            if integration is None:
                return
            webhook_receiver.store(integration, events)
        if cursor is None:
            return
    raise SyncFailed("there are more events than one synchronisation fetches")


def _page(plan: _Plan, cursor: str | None, now: datetime) -> tuple[list[Received], str | None]:
    pull, pulled = plan.provider.pull, plan.provider.pulled
    assert pull is not None and pulled is not None
    wanted = pull(plan.credentials, plan.since.timestamp(), cursor)
    answer = connection_check.ask_provider(wanted, plan.credentials, now, limit=PAGE_BYTES)
    connection_check.note_call(plan.integration_id, "sync", answer.ok, answer)
    if not answer.ok:
        raise SyncFailed(answer.error or "no answer")
    try:
        found = pulled(answer.body.encode())
    except (ValueError, LookupError, TypeError, AttributeError):
        raise SyncFailed("the answer is not a list of events") from None
    return list(found.events), found.cursor


def _end(turn: _Turn, error: str | None, *, final: bool = False) -> None:
    """Of this try; nothing happens when the lease ran out and somebody else is at it."""
    with transaction():
        sync = db.session.get(Sync, turn.sync_id, with_for_update=True, populate_existing=True)
        if sync is None or sync.status != SyncStatus.PENDING or sync.attempts != turn.attempt:
            return
        sync.locked_until, sync.last_error = None, error
        if error is not None and not final and sync.attempts < MAX_ATTEMPTS:
            sync.next_attempt_at = sync.hinted_until = turn.now + backoff(sync.attempts, base=30, cap=3600)
            return
        sync.status = SyncStatus.DONE if error is None else SyncStatus.FAILED
        sync.finished_at = turn.now
        if error is None:
            _stamp(turn.integration_id, turn.now)


def _stamp(integration_id: UUID, now: datetime) -> None:
    """With the version, so that ETags stay true; without a conflict for an owner who edits meanwhile."""
    values = {"last_sync_at": now, "version": Integration.version + 1}
    statement = update(Integration).where(Integration.id == integration_id).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))


def overdue(limit: int = 500) -> list[UUID]:
    return overdue_rows(Sync, open_status=SyncStatus.PENDING, limit=limit)


def prune(now: datetime | None = None) -> None:
    """Synchronisations that ended long ago go."""
    delete_in_batches(Sync, Sync.finished_at < (now or utcnow()) - KEPT)
