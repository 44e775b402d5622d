"""Writing down what came of an attempt: status, attempt rows and fact in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, Update, bindparam, case, delete, func, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import storable_text, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import NotificationFailed, NotificationSent
from heidi_common.messaging.jobs import backoff, status_is
from heidi_common.messaging.outbox import emit, emit_parameters, emit_statement
from heidi_services.notification.channels.message import Outcome, Result
from heidi_services.notification.enums import Channel, Status
from heidi_services.notification.models import STREAM, Attempt, Device, Notification, Suppression
from heidi_services.notification.service.claim import Job
from heidi_services.notification.service.status_transitions import TIMED_OUT
from heidi_services.notification.service.stream import announce, lock_stream

_ROW = cast(Table, Notification.__table__)
_ATTEMPTS = cast(Table, Attempt.__table__)
_GIVEN_BACK: dict[str, Any] = {"locked_until": None, "updated_at": func.now(), "version": _ROW.c.version + 1}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a channel is tried: seconds before the second attempt, longest pause, attempts."""

    base: float
    cap: float
    attempts: int


PATIENCE = {
    Channel.EMAIL: Patience(5, 3600, 14),
    Channel.SMS: Patience(5, 600, 8),
    Channel.PUSH: Patience(5, 600, 8),
}


MOST_CLAIMS = 20
"""Above every channel's attempts: a row that breaks its worker each time ends here, too."""


@dataclass(frozen=True, slots=True)
class Try:
    """One call of one provider."""

    result: Result
    started_at: datetime
    duration_ms: int
    device_id: UUID | None = None


def tried(job: Job, tries: Sequence[Try]) -> None:
    """After the providers had their say: sent, to be tried again, or failed."""
    if len(tries) == 1 and tries[0].result.sent:
        _handed_over().all(sent_id=job.id, **emit_parameters(_sent_fact(job)), **_prefixed(_row(job, tries[0])))
        return
    with transaction():
        _record(job, tries)
        sent = next((one.result for one in tries if one.result.sent), None)
        if sent is not None:
            db.session.execute(_sent(provider_id=_kept_id(sent)), {"sent_id": job.id})
            emit(_sent_fact(job))
        elif any(one.result.retryable for one in tries):
            _again(job, tries)
        else:
            _failed(job, _reason(tries))


def shown(job: Job) -> None:
    """An in-app message is delivered by being there: it gets its place in the stream, and open streams are told."""
    with transaction():
        lock_stream(job.user_id)
        db.session.execute(_sent(stream_id=STREAM.next_value()), {"sent_id": job.id})
        emit(_sent_fact(job))
        announce(job.user_id)


def failed(job: Job, reason: str) -> None:
    with transaction():
        _failed(job, reason)


def cancelled(job: Job, reason: str) -> None:
    with transaction():
        _update(job, status=Status.CANCELLED, failure_reason=reason, sealed=None)


def postponed(job: Job, until: datetime) -> None:
    """Not an attempt: the count goes back. What would be stale by then fails now."""
    with transaction():
        if job.expires_at is not None and until >= job.expires_at:
            _failed(job, "expired")
        else:
            _update(job, next_attempt_at=until, hinted_until=until, attempts=_ROW.c.attempts - 1)


@cache
def _handed_over() -> CompiledStatement:
    """Most messages end here, with their first attempt: its row, the message's and the fact, all in one statement."""
    given = {column.name: bindparam(f"attempt_{column.name}", type_=column.type) for column in _ATTEMPTS.c}
    attempt = _ATTEMPTS.insert().values(given).cte("attempt")
    sent = _sent(provider_id=given["provider_id"]).cte("sent")
    return CompiledStatement(emit_statement().add_cte(attempt, sent), changes=True)


def _prefixed(row: dict[str, Any]) -> dict[str, Any]:
    return {f"attempt_{name}": value for name, value in row.items()}


def _sent(**values: Any) -> Update:
    """A receipt may have been faster than we: what is further than SENT stays."""
    status = case((_ROW.c.status == Status.PENDING, Status.SENT.value), else_=_ROW.c.status)
    changed = {"status": status, "sent_at": func.now(), "failure_reason": None, "sealed": None} | _GIVEN_BACK | values
    return update(_ROW).where(_ROW.c.id == bindparam("sent_id", type_=_ROW.c.id.type)).values(changed)


def _sent_fact(job: Job) -> NotificationSent:
    return NotificationSent(id=job.id, about_user=job.user_id, channel=job.channel, category=job.category)


def _failed(job: Job, reason: str) -> None:
    if _update(job, status=Status.FAILED, failure_reason=reason):
        fact = NotificationFailed(
            id=job.id, about_user=job.user_id, channel=job.channel, category=job.category, reason=reason
        )
        emit(fact)


def _again(job: Job, tries: Sequence[Try]) -> None:
    patience = PATIENCE[job.channel]
    wait = backoff(job.attempts, base=patience.base, cap=patience.cap)
    asked = max((one.result.retry_after or 0 for one in tries), default=0)
    due = utcnow() + max(wait, timedelta(seconds=min(asked, patience.cap)))
    if job.attempts >= patience.attempts:
        _failed(job, TIMED_OUT if _ambiguous(tries) else "attempts_exhausted")
    elif job.expires_at is not None and due >= job.expires_at:
        _failed(job, TIMED_OUT if _ambiguous(tries) else "expired")
    else:
        _update(job, next_attempt_at=due, hinted_until=due)


def _ambiguous(tries: Sequence[Try]) -> bool:
    return any(one.result.outcome is Outcome.AMBIGUOUS for one in tries)


def _reason(tries: Sequence[Try]) -> str:
    """A stable word: the provider's own words may hold an address and stay in the attempt rows."""
    return "misconfigured" if any(one.result.final for one in tries) else "refused"


def _update(job: Job, **values: Any) -> bool:
    """Give the row back with its new values; False when a receipt has closed it already, or the lease ran out and
    somebody else is at it."""
    open_row = (_ROW.c.id == job.id) & status_is(_ROW.c.status, Status.PENDING) & (_ROW.c.attempts == job.attempts)
    statement = update(_ROW).where(open_row).values(values | _GIVEN_BACK).returning(_ROW.c.id)
    return db.session.execute(statement).first() is not None


def _record(job: Job, tries: Sequence[Try]) -> None:
    if tries:
        db.session.execute(_ATTEMPTS.insert(), [_row(job, one) for one in tries])
    for one in tries:
        if one.result.dead:
            _bury(job, one)


def _row(job: Job, one: Try) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "notification_id": job.id,
        "number": job.attempts,
        "provider": one.result.provider,
        "outcome": one.result.outcome.value,
        "code": storable_text(one.result.code) or None,
        "provider_id": _kept_id(one.result),
        "error": storable_text(one.result.error)[:1000] or None,
        "started_at": one.started_at,
        "duration_ms": one.duration_ms,
    }


def _kept_id(result: Result) -> str | None:
    """As far as the index of these ids can hold one."""
    return storable_text(result.provider_id)[:255] or None


def _bury(job: Job, one: Try) -> None:
    """An address that does not exist is not written to again: the device goes, the mailbox is suppressed."""
    if one.device_id is not None:
        db.session.execute(delete(Device).where(Device.id == one.device_id))
        return
    address = job.email if job.channel is Channel.EMAIL else job.phone
    values = {"id": uuid7(), "channel": job.channel, "address": address, "reason": "unknown_address"}
    db.session.execute(insert(Suppression).values(values).on_conflict_do_nothing())
