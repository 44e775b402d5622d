"""What needs an operator's attention, over all services."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.inbox import Inbox
from heidi_common.metrics.attention import RECENT, AttentionItem, attention_item, present
from heidi_common.metrics.waiting_work import read_waiting_work
from heidi_common.peers.client import call_peers, caller_headers
from heidi_common.peers.models import PeerRequest
from heidi_services.core.models import Operation, OperationStatus

TOO_LONG = timedelta(minutes=5)
"""Due work is usually done within seconds."""
SOURCES = {
    "notification": "/api/v1/notifications/attention",
    "scheduler": "/api/v1/schedules/attention",
    "integration": "/api/v1/integrations/attention",
}
EVENTS, OPERATIONS = "/api/v1/core/events", "/api/v1/core/operations"
WORK_LINKS = {
    "notifications": "/api/v1/notifications?scope=all&status=PENDING",
    "deliveries": "/api/v1/integrations/deliveries?status=PENDING",
    "runs": "/api/v1/schedules",
    "syncs": "/api/v1/integrations",
    "operations": f"{OPERATIONS}?status=PENDING",
    "replays": f"{EVENTS}/replays?status=PENDING",
}


def collect(now: datetime) -> tuple[list[AttentionItem], list[str]]:
    """Ask the services with the caller's token, and add what core knows itself.

    Returns:
        The problems, and the names of the services that did not respond.
    """
    headers = caller_headers()
    responses = call_peers({name: PeerRequest(name, path, headers=headers) for name, path in SOURCES.items()})
    reported = [_parse(item) for response in responses.values() if response.ok for item in response.data]
    own = [_dead_letters(), _failed_operations(now), *_waiting_work(now)]
    unavailable = sorted(name for name, response in responses.items() if not response.ok)
    return [*reported, *present(own)], unavailable


def _parse(item: dict[str, Any]) -> AttentionItem:
    since = item.pop("since")
    return AttentionItem(**item, since=since and datetime.fromisoformat(since))


def _dead_letters() -> AttentionItem:
    dead = select(Inbox.created_at).where(Inbox.status == "dead")
    return attention_item("deadLetters", f"{EVENTS}/dead", dead)


def _failed_operations(now: datetime) -> AttentionItem:
    failed = select(Operation.created_at).where(
        Operation.status.in_((OperationStatus.FAILED, OperationStatus.COMPENSATED)),
        Operation.created_at >= now - RECENT,
    )
    return attention_item("failedOperations", OPERATIONS, failed)


def _waiting_work(now: datetime) -> list[AttentionItem]:
    waiting = [work for work in read_waiting_work(db.session.connection()) if work.kind != "dead"]
    db.session.rollback()  # ends the settings that reading it needs
    return [
        AttentionItem(
            "waitingWork",
            work.number,
            now - timedelta(seconds=work.oldest_seconds),
            WORK_LINKS.get(work.kind, EVENTS),
            work.kind,
        )
        for work in waiting
        if work.oldest_seconds > TOO_LONG.total_seconds()
    ]
