"""Requested replays of events: create, read, list and cancel them, and find those that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.totals import TotalRequest
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import collect_overdue
from heidi_common.messaging.subscribers import SUBSCRIBERS
from heidi_common.problems import Conflict, Invalid, NotFound
from heidi_services.core.models import EventReplay, ReplayStatus


def create(
    *,
    subscriber: str | None,
    integration_id: UUID | None,
    types: Sequence[str],
    start: datetime,
    end: datetime | None,
    requested_by: UUID | None,
) -> EventReplay:
    """Store a requested replay. The clock wakes a worker for it.

    Args:
        subscriber: The name of the subscriber that handles the events again; None if an endpoint gets them.
        integration_id: The integration whose endpoint gets the events; None if a subscriber does.
        types: Event types or patterns.
        start: Events from this time on (inclusive).
        end: Events before this time; at the latest, and by default, those that exist now.
        requested_by: The administrator; None for a command in a terminal.

    Raises:
        Conflict: Another replay to this receiver has not ended.
        Invalid: The subscriber, the types or the times are not valid.
    """
    if subscriber is not None:
        _require_replayable(subscriber, types)
    start, end = _validate_period(start, end)
    replay = EventReplay(
        subscriber=subscriber,
        integration_id=integration_id,
        types=list(types),
        start_at=start,
        end_at=end,
        hinted_until=utcnow(),
        requested_by=requested_by,
    )
    with transaction():
        db.session.add(replay)
        try:
            db.session.flush()
        except IntegrityError:
            raise Conflict(
                "Another replay to this receiver has not ended. Wait for it, or cancel it.", code="replay_in_progress"
            ) from None
        target = {"subscriber": subscriber} if subscriber else {"integration": str(integration_id)}
        record("events_replayed", actor=requested_by, target=replay.id, detail=target | {"types": list(types)})
    return replay


def _require_replayable(name: str, types: Sequence[str]) -> None:
    subscriber = SUBSCRIBERS.get(name)
    if subscriber is None:
        raise Invalid.field("subscriber", f"Must be one of: {', '.join(replayable_subscribers())}.")
    if subscriber.carries_out_requests:
        raise Invalid.field(
            "subscriber", "Carries out requests, whose contents are deleted afterwards. Send the requests again."
        )
    if not subscriber.handles_any(types):
        raise Invalid.field("types", f"The subscriber handles {subscriber.pattern} only.")


def replayable_subscribers() -> list[str]:
    """The names of the subscribers to which events can be replayed."""
    return sorted(name for name, subscriber in SUBSCRIBERS.items() if not subscriber.carries_out_requests)


def _validate_period(start: datetime, end: datetime | None) -> tuple[datetime, datetime]:
    now = utcnow()
    if start >= now:
        raise Invalid.field("from", "Must be in the past.")
    if end is not None and end <= start:
        raise Invalid.field("to", "Must be after `from`.")
    return start, min(end or now, now)


def get(replay_id: UUID, *, lock: bool = False) -> EventReplay:
    replay = db.session.get(EventReplay, replay_id, with_for_update=lock or None, populate_existing=True)
    if replay is None:
        raise NotFound("Replay not found.")
    return replay


def find(*, limit: int = 20, cursor: str | None = None, total: TotalRequest = False, status: str | None = None) -> Page:
    """List replays, newest first."""
    filters = [EventReplay.status == status] if status else []
    query = {"limit": limit, "cursor": cursor, "total": total}
    return newest_first(select(EventReplay), EventReplay, query, filters=filters)


def cancel(replay_id: UUID, *, requested_by: UUID | None) -> EventReplay:
    """Cancel a replay. Events whose handling has not begun are withdrawn; until the others end, it is PENDING.

    Raises:
        Conflict: The replay has ended.
        NotFound: No replay has this ID.
    """
    with transaction():
        replay = get(replay_id, lock=True)
        if replay.status != ReplayStatus.PENDING:
            raise Conflict(f"The replay has ended ({replay.status}); only a PENDING one can be cancelled.")
        now = utcnow()
        replay.cancel_requested_at = replay.cancel_requested_at or now
        replay.next_attempt_at = replay.hinted_until = now
        if not replay.in_flight:
            replay.status, replay.finished_at = ReplayStatus.CANCELLED, now
        record("event_replay_cancelled", actor=requested_by, target=replay_id)
    return replay


def overdue(limit: int) -> list[UUID]:
    """Return replays that are due and have no wake-up message in flight; mark them as having one."""
    return collect_overdue(EventReplay, open_status=ReplayStatus.PENDING, limit=limit)
