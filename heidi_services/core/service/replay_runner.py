"""Replay events step by step: each step is one transaction, which hands events over and records how far it got.

A worker may be killed at any point: then a step has happened completely or not at all. No more events are in flight
than their receiver handles within seconds or minutes, so a replay can be cancelled and does not crowd out others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import backoff, claim
from heidi_services.core.models import EventReplay, ReplayStatus
from heidi_services.core.service import replay_scan, requester
from heidi_services.core.service.replay_target import ReplayTarget
from heidi_services.core.service.requester import RequesterRejected

log = logging.getLogger(__name__)
LEASE_SECONDS = 60
ROUND_SECONDS = 5.0
"""A worker looks at one replay for about this long, then at its other messages."""
PAUSE = timedelta(seconds=0.5)
MAX_ATTEMPTS = 8
"""Attempts after which a replay fails if each of them has failed or killed its worker."""

TargetOf: TypeAlias = Callable[[EventReplay], ReplayTarget]


def run(replay_id: UUID, target_of: TargetOf) -> None:
    """Continue a replay until it ends or has to wait. Does nothing if it has ended or is not due.

    Args:
        replay_id: The replay.
        target_of: Returns the receiver of its events.
    """
    if not claim(EventReplay, replay_id, open_status=ReplayStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return
    deadline = time.monotonic() + ROUND_SECONDS
    try:
        while _step(replay_id, target_of) and time.monotonic() < deadline:
            pass
    except Exception as error:
        log.exception("a step of a replay failed", extra={"replay_id": str(replay_id)})
        _postpone(replay_id, error)


def _step(replay_id: UUID, target_of: TargetOf) -> bool:
    """Returns whether the next step can follow immediately."""
    with transaction():
        replay = _lock(replay_id)
        if replay.status != ReplayStatus.PENDING:
            return False
        if replay.attempts > MAX_ATTEMPTS:
            _end(replay, f"did not continue after {MAX_ATTEMPTS} attempts")
            return False
        target = target_of(replay)
        replay.started_at = replay.started_at or utcnow()
        replay.error = replay.error or _rejection(replay, target)
        _record_results(replay, target)
        continues = _stop(replay, target) if _is_stopping(replay) else _hand_over(replay, target)
        _release(replay)
        return continues


def _lock(replay_id: UUID) -> EventReplay:
    return db.session.get_one(EventReplay, replay_id, with_for_update=True, populate_existing=True)


def _rejection(replay: EventReplay, target: ReplayTarget) -> str | None:
    try:
        requester.require_administrator(replay.requested_by)
    except RequesterRejected as rejection:
        return str(rejection)
    return target.rejection()


def _is_stopping(replay: EventReplay) -> bool:
    return replay.is_cancel_requested or replay.error is not None


def _record_results(replay: EventReplay, target: ReplayTarget) -> None:
    """Count the events in flight whose result is known. One that is no longer stored counts as failed."""
    event_ids = [UUID(event_id) for event_id in replay.in_flight]
    results = target.results(event_ids) if event_ids else {}
    ended = [results.get(event_id, False) for event_id in event_ids if results.get(event_id, False) is not None]
    replay.handled += sum(1 for is_handled in ended if is_handled)
    replay.failed += sum(1 for is_handled in ended if not is_handled)
    replay.in_flight = [str(event_id) for event_id in event_ids if results.get(event_id, False) is None]


def _stop(replay: EventReplay, target: ReplayTarget) -> bool:
    """Withdraw the events whose handling has not begun, and wait for the others."""
    withdrawn = {str(event_id) for event_id in target.withdraw([UUID(event_id) for event_id in replay.in_flight])}
    replay.in_flight = [event_id for event_id in replay.in_flight if event_id not in withdrawn]
    replay.replayed -= len(withdrawn)
    if not replay.in_flight:
        _end(replay, replay.error)
    return False


def _hand_over(replay: EventReplay, target: ReplayTarget) -> bool:
    """Hand the next events over if there is room; returns whether more can follow immediately."""
    if replay.total is None:
        replay.total = replay_scan.count_events(replay, target.patterns)
    if not replay.is_scanned and len(replay.in_flight) <= target.batch and target.may_continue(replay.handed_over_at):
        events = replay_scan.next_events(replay, target.patterns, target.batch)
        taken = target.hand_over(events) if events else []
        replay.replayed += len(taken)
        replay.skipped += len(events) - len(taken)
        replay.in_flight = replay.in_flight + [str(event_id) for event_id in taken]
        replay.handed_over_at = utcnow() if taken else replay.handed_over_at
        return not replay.is_scanned and len(replay.in_flight) <= target.batch
    if replay.is_scanned and not replay.in_flight:
        _end(replay, None)
    return False


def _release(replay: EventReplay) -> None:
    """Make the replay due again, with all its attempts."""
    waits = PAUSE if replay.in_flight else timedelta(0)
    replay.attempts, replay.locked_until = 0, None
    replay.next_attempt_at = replay.hinted_until = utcnow() + waits


def _end(replay: EventReplay, error: str | None) -> None:
    cancelled = ReplayStatus.CANCELLED if replay.is_cancel_requested else ReplayStatus.SUCCEEDED
    replay.status, replay.error = (ReplayStatus.FAILED if error else cancelled), error
    replay.finished_at, replay.locked_until = utcnow(), None
    log.info("a replay has ended", extra={"replay_id": str(replay.id), "status": replay.status})


def _postpone(replay_id: UUID, error: Exception) -> None:
    with transaction():
        replay = _lock(replay_id)
        if replay.attempts >= MAX_ATTEMPTS:
            _end(replay, f"internal error ({type(error).__name__}), after {replay.attempts} attempts")
            return
        replay.locked_until = None
        replay.next_attempt_at = replay.hinted_until = utcnow() + backoff(replay.attempts, base=1, cap=60)
